"""One world of an emulator, as a test sees it: the same in-process and in docker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from flaresend_mock.settings import ENVIRONMENT
from flaresend_mock.testing import arguments, models
from flaresend_mock.testing.calls import Calls, ControlPlaneError, EmulatorUnreachable
from flaresend_mock.testing.clock import Clock
from flaresend_mock.testing.closing import Closing
from flaresend_mock.testing.failure_report import ExpectationFailed, explained
from flaresend_mock.testing.handles import Fault, Instance, Snapshot
from flaresend_mock.testing.models import Delivery, Message, Request, Scheduled

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from flaresend_mock.testing.webhook_receiver import WebhookReceiver

__tracebackhide__ = True  # a test that fails shows its own line

WITHIN = 2.0
SETTLE_SECONDS = 150.0
"""Longer than the emulator waits for deliveries itself."""


class Flaresend(Closing):
    """A world of an emulator, over its control plane.

    Args:
        url: where the emulator is, without a slash at the end.
        api_key: an API key of an instance, which picks the world.
        token: the control token, if the emulator has one.
        world: the name of the world, if it is known.
        here: whether the emulator is in this process, and so can call applications that are.
        elsewhere: the event of the default world after which calls are shown that came there by mistake.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        token: str | None = None,
        world: str | None = None,
        here: bool = False,
        elsewhere: int | None = None,
    ) -> None:
        self.url = url
        self.api_key = api_key
        self.world = world
        self._calls = Calls(url, api_key, token)
        self._here = here
        self._elsewhere = elsewhere
        self._open = ExitStack()
        self._calls_applications = False
        self._snapshots: list[Snapshot] = []
        self._frozen_at: datetime | str | None = None
        self.headers = dict(self._calls.headers)
        self.clock = Clock(self._calls)
        self.instance = Instance(self._calls)

    def __repr__(self) -> str:
        return f"<Flaresend at {self.url}>"

    def env(self, url: str = "FLARESEND_URL", api_key: str = "FLARESEND_API_KEY") -> Self:
        """Set the variables from which the code under test takes base URL and API key, until the world is gone."""
        for name, value in ((url, self.url), (api_key, self.api_key)):
            self._open.callback(_set_env, name, ENVIRONMENT.get(name))
            ENVIRONMENT[name] = value
        return self

    def receive(
        self, sender: str | int, text: str | None = None, *, file: Path | str | None = None, **letter: Any
    ) -> Mapping[str, Any]:
        """Let somebody write to the instance, and return the event as its webhook gets it.

        Args:
            text: what they write; beside a file, it is its caption.
            file: the path of a file they send; media={"sample": "jpeg"} is one of the emulator's own.
            letter: the other fields of `POST /_mock/inbound`, such as type, media, caption, group or about.
        """
        body = {"from": sender, **({} if text is None else {"text": text}), **letter}
        if file is not None:
            from flaresend_mock.uploads import media_of  # few tests send files of their own

            body["media"] = {**media_of(Path(file)), **letter.get("media", {})}
        event: Mapping[str, Any] = self._calls.ask("POST", "/_mock/inbound", body)["event"]
        return event

    def messages(self, **match: Any) -> list[Message]:
        """Return what was sent and received, oldest first: all of it, or what fits a matcher of these fields.

        Raises:
            ControlPlaneError: a field is not known, or can never be so; the message says which is meant.
        """
        return self._listed("messages", arguments.message(match), models.message)

    def sent_to(self, number: str) -> list[Message]:
        """Return what was sent to a number or a group, oldest first."""
        return self.messages(direction="outbound", to=number)

    def media(self, message: Message) -> bytes:
        """Return the file that a message brought, as it was before it was encrypted.

        Raises:
            ValueError: it brought none.
        """
        if message.media is None:
            raise ValueError(f"message {message.id} is {message.type}, without a file that the emulator has")
        return self._calls.fetch(f"/_mock/media/{message.media}")

    def expect_message(
        self, *, within: float = WITHIN, since: int | Message | Request | Delivery = 0, **match: Any
    ) -> Message:
        """Return the first message sent that fits, as soon as there is one.

        Args:
            within: for how many seconds, of real time, it is waited for.
            since: what it must come after, such as the message before it in a conversation; 0 for all that happened.
            match: what it must be like: to, text, type, …; values, or operators such as {"contains": "order"}.

        Raises:
            AssertionError: there is none in time; it says what there was instead.
        """
        wanted = {"direction": "outbound", **arguments.message(match)}
        body = {
            "match": wanted,
            "timeout": arguments.seconds("within", within),
            "since": arguments.since(since),
        }
        found = self._asked("messages/wait", body, f"no message{_written(wanted)} within {within:g} s")
        return models.message(found["messages"][0])

    def expect_no_message(
        self, *, within: float = 0.0, since: int | Message | Request | Delivery = 0, **match: Any
    ) -> None:
        """Make sure that no message that fits was sent, and none is sent for so many seconds of real time.

        Before that, webhooks that are under way are awaited: whoever answers in one has done so. What an application
        does after it has answered its webhook needs `within`.

        Raises:
            AssertionError: there is one.
        """
        wanted = {"direction": "outbound", **arguments.message(match)}
        body = {
            "match": arguments.matcher(wanted),
            "timeout": arguments.seconds("within", within),
            "since": arguments.since(since),
        }
        self.settle()
        try:
            found = self._calls.ask("POST", "/_mock/messages/wait", body)["messages"]
        except ControlPlaneError as refused:
            if refused.code == "timeout":
                return
            if refused.code != "evicted":
                raise
            raise ExpectationFailed(explained(self._calls, self._elsewhere, str(refused), None)) from None
        texts = ", ".join(str(one["text"]) for one in found)
        raise ExpectationFailed(
            explained(self._calls, self._elsewhere, f"a message{_written(wanted)} was sent: {texts}", None)
        )

    def requests(self, **match: Any) -> list[Request]:
        """Return the calls of the API, oldest first: all of them, or what fits a matcher of these fields."""
        return self._listed("requests", match, models.request)

    def verify(
        self,
        *,
        exactly: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        never: bool = False,
        in_order: Iterable[Mapping[str, Any]] = (),
        since: int | Message | Request | Delivery = 0,
        **match: Any,
    ) -> int:
        """Make sure that so many calls of the API fit, or fit one after the other, and return how many did.

        Raises:
            AssertionError: it is not so; it says what there was instead.
        """
        counts = {"exactly": exactly, "at_least": at_least, "at_most": at_most}
        body: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
        if never:
            body["never"] = True
        if steps := arguments.steps(in_order):
            body["in_order"] = steps
        found = self._asked("requests/verify", {"match": match, "since": arguments.since(since), **body}, "")
        return int(found["count"])

    def deliveries(self, **match: Any) -> list[Delivery]:
        """Return the webhook events, oldest first, with every attempt."""
        return self._listed("deliveries", match, models.delivery)

    def expect_delivery(
        self, *, within: float = WITHIN, since: int | Message | Request | Delivery = 0, **match: Any
    ) -> Delivery:
        """Return the first delivery that fits, as soon as there is one: delivered, unless `status` says otherwise.

        Raises:
            AssertionError: there is none in time; it says what there was instead.
        """
        wanted = {"status": "delivered", **match}
        body = {
            "match": wanted,
            "timeout": arguments.seconds("within", within),
            "since": arguments.since(since),
        }
        said = f"no delivery{_written(wanted)} within {within:g} s"
        return models.delivery(self._asked("deliveries/wait", body, said)["deliveries"][0])

    def redeliver(self, delivery: Delivery | str | None = None) -> list[Delivery]:
        """Deliver an event again, by its delivery or the id of it; without one, all that failed."""
        id_ = delivery.id if isinstance(delivery, Delivery) else delivery
        path = "redeliver" if id_ is None else f"{quote(id_, safe='')}/redeliver"
        body = {"status": "failed"} if id_ is None else None
        again = self._calls.ask("POST", f"/_mock/deliveries/{path}", body)["deliveries"]
        return [models.delivery(one) for one in again]

    def settle(self) -> None:
        """Wait until every delivery is where it can come without time passing: delivered, failed or to be retried.

        Raises:
            AssertionError: some receiver keeps one under way.
            RuntimeError: this is called by an application that is handling a delivery, for which it would wait.
        """
        if self._calls_applications and _is_handling():
            raise RuntimeError("an application that handles a delivery cannot wait for its end")
        if not self._calls.ask("POST", "/_mock/deliveries/settle", seconds=SETTLE_SECONDS)["settled"]:
            raise ExpectationFailed(
                explained(self._calls, self._elsewhere, "some deliveries are still under way", None)
            )

    def webhook(self, url: str | None, **options: Any) -> None:
        """Have the instance's events sent to a URL, with `secret`, `retries` and so on; None for nowhere."""
        if url is None:
            self._calls.ask("DELETE", "/_mock/instances/default/webhook")
        else:
            self._calls.ask("PUT", "/_mock/instances/default/webhook", {"url": url, **options})

    def webhook_receiver(
        self, *, host: str = "127.0.0.1", shown: str | None = None, **options: Any
    ) -> WebhookReceiver:
        """Have the instance's events recorded, and return where: a receiver on a free port, until the test ends.

        Args:
            host: the address it listens on.
            shown: the name by which the emulator reaches it; for one in docker, host="0.0.0.0" and
                shown="host.docker.internal".
            options: of the webhook, such as secret and retries.
        """
        from flaresend_mock.testing.webhook_receiver import (
            WebhookReceiver,  # brings an HTTP server, which few tests need
        )

        receiver = WebhookReceiver(host, shown)
        self._open.enter_context(receiver)
        self.webhook(receiver.url, **options)
        return receiver

    def webhook_app(self, app: WSGIApplication, path: str = "/webhook", **options: Any) -> str:
        """Have the instance's events delivered to a WSGI application, such as a Flask one, and return its URL.

        No socket is needed: the emulator in this process calls it directly.

        Args:
            path: where in the application they go.
            options: of the webhook, such as secret and retries.

        Raises:
            RuntimeError: the emulator is elsewhere.
            TypeError: it is no WSGI application.
        """
        if not callable(app) or iscoroutinefunction(app) or iscoroutinefunction(type(app).__call__):
            raise TypeError(f"{app!r} is no WSGI application; serve an ASGI one, and use webhook(url)")
        if not self._here:
            raise RuntimeError(
                "an emulator elsewhere cannot call an application in this process; use webhook(url)"
            )
        from flaresend_mock.background.posting import mounted  # few tests have an application

        self._calls_applications = True
        url = f"{self._open.enter_context(mounted(app))}/{path.lstrip('/')}"
        self.webhook(url, **options)
        return url

    def scheduled(self) -> list[Scheduled]:
        """Return what is still to be sent, in the order in which it will be."""
        return [models.scheduled(one) for one in self._calls.ask("GET", "/_mock/scheduled")["scheduled"]]

    def fault(self, preset: str | None = None, **fault: Any) -> Fault:
        """Arm a fault: a preset such as "flaky", or the fields of `POST /_mock/faults`. It ends with a `with`."""
        body = arguments.matcher(fault if preset is None else {"preset": preset, **fault})
        return Fault(self._calls, self._calls.ask("POST", "/_mock/faults", body))

    def group(self, subject: str, participants: Iterable[str]) -> str:
        """Make a group of the instance's, of people by their numbers, and return its JID."""
        people = [participants] if isinstance(participants, str) else list(participants)
        body = {"subject": subject, "participants": people}
        made: str = self._calls.ask("POST", "/_mock/groups", body)["id"]
        return made

    def person(self, number: str, **details: Any) -> None:
        """Say who has a number: `name`, `on_whatsapp`, `lid`, and `rules` by which they answer."""
        self._calls.ask("PUT", f"/_mock/people/{quote(str(number), safe='')}", details)

    def snapshot(self, name: str | None = None) -> Snapshot:
        """Keep what the world is like now, to return to it."""
        if name is None:
            name = f"snapshot-{len(self._snapshots) + 1}"
        self._calls.ask("POST", f"/_mock/snapshots/{quote(name, safe='')}")
        self._snapshots.append(Snapshot(self._calls, name))
        return self._snapshots[-1]

    def restore(self, snapshot: Snapshot | None = None) -> None:
        """Return to a snapshot, the last one if none is given.

        Raises:
            RuntimeError: none was taken.
        """
        if snapshot is None and not self._snapshots:
            raise RuntimeError("there is no snapshot to return to; take one with snapshot()")
        (snapshot or self._snapshots[-1]).restore()

    def reset(self) -> None:
        """Return to the world as it was made, with its clock as it was set then."""
        self._calls.ask("POST", "/_mock/reset")
        if self._frozen_at is not None:
            self.clock.freeze(self._frozen_at)

    def freeze_for_good(self, at: datetime | str) -> None:
        """Freeze the clock, also after every reset."""
        self.clock.freeze(at)
        self._frozen_at = at

    def export(self, file: Path | str) -> None:
        """Write the whole world to a file, to look at it later."""
        import json

        Path(file).write_text(json.dumps(self._calls.ask("GET", "/_mock/world")), encoding="utf-8")

    def transcript(self) -> str:
        """Return what was said so far, a line a message, with calls, deliveries, faults and what is to come below."""
        return explained(self._calls, self._elsewhere, "", None)

    def close(self) -> None:
        """Stop inboxes, call applications no more, once they have done what they are at, and take `env` back."""
        if self._calls_applications:
            with suppress(
                ControlPlaneError, EmulatorUnreachable, ExpectationFailed
            ):  # the test is over, whatever still goes on
                self.settle()
        self._open.close()
        self._calls.close()

    def _asked(self, what: str, body: Mapping[str, Any], said: str) -> Any:
        try:
            return self._calls.ask(
                "POST", f"/_mock/{what}", {**body, "match": arguments.matcher(body["match"])}
            )
        except ControlPlaneError as refused:
            if refused.code not in ("timeout", "not_verified", "evicted"):
                raise
            raise ExpectationFailed(
                explained(self._calls, self._elsewhere, said or str(refused), refused.answer)
            ) from None

    def _listed(
        self, name: str, match: Mapping[str, Any], read: Callable[[Mapping[str, Any]], Any]
    ) -> list[Any]:
        body = {"match": arguments.matcher(match)}
        return [read(one) for one in self._calls.ask("POST", f"/_mock/{name}/search", body)[name]]


def _is_handling() -> bool:
    from flaresend_mock.background.posting import is_handling

    return is_handling()


def _set_env(name: str, value: str | None) -> None:
    if value is None:
        ENVIRONMENT.pop(name, None)
    else:
        ENVIRONMENT[name] = value


def _written(match: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name}={value!r}" for name, value in match.items() if name != "direction")
    return said and f" like {said}"
