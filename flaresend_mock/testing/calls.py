"""Calls of the control plane, and what they are refused with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from requests import Response

__tracebackhide__ = True  # a test that fails shows its own line

TIMEOUT_SECONDS = 30.0
"""How long a call may take, beside what it is asked to wait."""


class ControlPlaneError(Exception):
    """The emulator refused a call; the message is its own.

    Args:
        status: of the answer, such as 404.
        code: what programs tell refusals apart by, such as world_not_found.
        answer: the whole of it.
    """

    def __init__(self, status: int, code: str, message: str, answer: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.answer = answer


class EmulatorUnreachable(Exception):
    """There is no emulator at the address, or none any more."""


class Calls:
    """Calls one emulator, in the name of one API key, and so one world.

    Args:
        url: where the emulator is.
        api_key: the key, which picks the world.
        token: the control token, if the emulator has one.
    """

    def __init__(self, url: str, api_key: str, token: str | None = None) -> None:
        import requests  # only when somebody calls: plugins are imported by every run

        self.url = url
        self.headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._token = {"X-Control-Token": token} if token else {}
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(
        self, method: str, path: str, body: Any = None, *, seconds: float = TIMEOUT_SECONDS, **query: Any
    ) -> Any:
        """Make a call, and return the JSON it is answered with.

        Args:
            seconds: how long it may take, beside what it is asked to wait.

        Raises:
            ControlPlaneError: it is refused.
            EmulatorUnreachable: nobody answers, or not in time.
            TypeError: the body is no JSON.
        """
        answer = self._answered(method, path, body, query, seconds)
        try:
            return answer.json()
        except ValueError:
            return answer.text

    def fetch(self, path: str) -> bytes:
        """Get a file, byte by byte.

        Raises:
            ControlPlaneError: it is refused.
            EmulatorUnreachable: nobody answers, or not in time.
        """
        return self._answered("GET", path, None, {}, TIMEOUT_SECONDS).content

    def close(self) -> None:
        self._session.close()

    def _answered(
        self, method: str, path: str, body: Any, query: Mapping[str, Any], seconds: float
    ) -> Response:
        from requests.exceptions import (
            ConnectionError,
            InvalidHeader,
            InvalidSchema,
            InvalidURL,
            MissingSchema,
            Timeout,
        )

        headers = {**self.headers, **self._token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._session.request(
                method,
                self.url + path,
                data=_json(body),
                params=query or None,
                headers=headers,
                timeout=seconds + _waits(body),
            )
        except Timeout:
            raise EmulatorUnreachable(
                f"the emulator at {self.url} did not answer {method} {path} in time"
            ) from None
        except ConnectionError as trouble:
            why = type(trouble).__name__
            raise EmulatorUnreachable(f"no emulator answers at {self.url} ({method} {path}: {why})") from None
        except (InvalidHeader, UnicodeError):
            raise EmulatorUnreachable("the control token or the API key cannot be sent in a header") from None
        except (InvalidSchema, InvalidURL, MissingSchema):
            raise EmulatorUnreachable(
                f"{self.url!r} is not an address such as http://localhost:3577"
            ) from None
        if answer.ok:
            return answer
        raise _refused(answer, f"{method} {path}")


def _json(body: Any) -> bytes | None:
    try:
        return None if body is None else json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError) as problem:
        trouble = str(problem)
    raise TypeError(f"what is given must be JSON: {trouble}")


def _refused(answer: Response, call: str) -> ControlPlaneError:
    try:
        data = answer.json()
    except ValueError:
        data = answer.text
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, dict):
        return ControlPlaneError(answer.status_code, str(error.get("code")), str(error.get("message")), data)
    return ControlPlaneError(answer.status_code, "", f"{call} answered {answer.status_code}", data)


def _waits(body: Any) -> float:
    """Return for how many seconds a call asks to wait."""
    asked = body.get("timeout") if isinstance(body, dict) else None
    return asked if isinstance(asked, int | float) and asked > 0 else 0.0
