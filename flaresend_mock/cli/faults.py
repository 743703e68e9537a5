"""flaresend-mock fault: what goes wrong on purpose."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import click

from flaresend_mock.cli import jsons, output
from flaresend_mock.cli.remote import Remote, part, talking

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:-(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_MOST = 1_000_000


@click.group(no_args_is_help=False)
def fault() -> None:
    """Make calls and webhook deliveries go wrong."""


@fault.command()
@click.argument("preset", required=False)
@click.option("--path", help="Only calls of this path: /send-message.")
@click.option("--method", help="Only calls with this method.")
@click.option("--number", help="Only what concerns this phone number.")
@click.option("--key", help="Only calls with this API key.")
@click.option("--body", metavar="JSON", help='Only those whose body fits: \'{"type": "text"}\'.')
@click.option(
    "--on", type=click.Choice(["calls", "deliveries"]), help="What goes wrong; calls, if not given."
)
@click.option("--status", type=click.IntRange(200, 599), help="Answer with this status.")
@click.option("--response-body", metavar="JSON|TEXT", help="What is answered with the status.")
@click.option("--delay", metavar="SECONDS", help="Keep answers back: 1.5, or 1-3 for something between.")
@click.option(
    "--action", help="reset, drop_response, truncate, corrupt; of deliveries also drop, duplicate, reorder."
)
@click.option("--times", type=click.IntRange(1, _MOST), help="Only so many times.")
@click.option("--after", type=click.IntRange(0, _MOST), help="Let so many through first.")
@click.option("--every", type=click.IntRange(1, _MOST), help="Only each so-manieth one.")
@click.option("--probability", type=float, help="From 0 to 1, decided by the world's seed.")
@click.option("--name", help="What it is called in lists.")
@talking(world=True)
def add(remote: Remote, as_json: bool, **given: Any) -> int:
    """Arm a fault: a PRESET (rate-limited, flaky, slow, down, unauthorized), or what the options say, or both."""
    answer = remote.ask("POST", "/faults", _described(given))
    if as_json:
        output.document(answer)
    else:
        output.say(_line(answer))
    return 0


@fault.command("list")
@talking(world=True)
def list_faults(remote: Remote, as_json: bool) -> int:
    """List the faults of a world, with how often each matched and hit."""
    answer = remote.ask("GET", "/faults")
    faults = remote.items(answer, "faults")
    if as_json:
        output.document(answer)
        return 0
    for one in faults:
        output.say(_line(one))
    return 0


@fault.command()
@click.argument("fault_id", metavar="[ID]", required=False)
@talking(world=True)
def clear(remote: Remote, as_json: bool, fault_id: str | None) -> int:
    """Take a fault away, or all of them."""
    answer = remote.ask("DELETE", f"/faults/{part(fault_id)}" if fault_id is not None else "/faults")
    if as_json:
        output.document(answer)
    else:
        output.say(f"deleted: {answer.get('deleted')}")
    return 0


def _described(given: dict[str, Any]) -> dict[str, Any]:
    match = {name: given.pop(name) for name in ("path", "method", "number", "key")}
    body, response_body, delay = given.pop("body"), given.pop("response_body"), given.pop("delay")
    status, probability = given.pop("status"), given["probability"]
    if body is not None:
        match["body"] = _json(body)
    if probability is not None and not 0 <= probability <= 1:
        raise click.UsageError("--probability: from 0 to 1")
    if response_body is not None and status is None:
        raise click.UsageError("--response-body: say with which --status it is answered")
    if status is not None:
        given["respond"] = {"status": status}
        if response_body is not None:
            given["respond"]["body"] = _json_or_text(response_body)
    if delay is not None:
        given["delay"] = _delay(delay)
    given["match"] = {name: wanted for name, wanted in match.items() if wanted is not None} or None
    return {name: value for name, value in given.items() if value is not None}


def _json(text: str) -> Any:
    try:
        return jsons.load(text)
    except ValueError:
        raise click.UsageError(f"--body: {text!r} is not JSON") from None


def _json_or_text(text: str) -> Any:
    try:
        return jsons.load(text)
    except ValueError:
        return text


def _delay(text: str) -> float | dict[str, float]:
    found = _DELAY.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--delay: {text!r} is neither seconds such as 1.5 nor a range such as 1-3")
    return float(found[1]) if found[2] is None else {"from": float(found[1]), "to": float(found[2])}


def _line(fault: Mapping[str, Any]) -> str:
    what = [str(fault.get("name"))] if fault.get("name") != fault.get("id") else []
    what.append(f"on {fault.get('on')}")
    what += [f"{name}={_written(wanted)}" for name, wanted in _object(fault.get("match")).items()]
    effects = [f"answers {_object(fault['respond']).get('status')}"] if fault.get("respond") else []
    if fault.get("delay"):
        delay = _object(fault["delay"])
        effects.append(f"waits {delay.get('from')} to {delay.get('to')} s")
    effects += [str(fault["action"])] if fault.get("action") else []
    limits = _limits(fault)
    counts = f"matched {fault.get('matched')}, hit {fault.get('hits')}"
    state = "" if fault.get("armed") else ", used up"
    return f"{fault.get('id')} {' '.join(what)}: {', '.join(effects + limits)} ({counts}{state})"


def _limits(fault: Mapping[str, Any]) -> list[str]:
    """Say how often a fault hits, where that is not always."""
    unlimited = {"after": 0, "every": 1, "times": None, "probability": 1}
    return [f"{name} {fault.get(name)}" for name, usual in unlimited.items() if fault.get(name) != usual]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _written(wanted: Any) -> str:
    return wanted if isinstance(wanted, str) else output.short(json.dumps(wanted))
