"""flaresend-mock fault: failures on purpose."""

import re
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.options import EmulatorGroup, json_option, json_or_text
from flaresend_mock.client import ControlPlane, part
from flaresend_mock.core.transcript import fault_line

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:-(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_MOST = 1_000_000


@click.group(cls=EmulatorGroup, no_args_is_help=False)
def fault() -> None:
    """Make API calls and webhook deliveries fail."""


@fault.command()
@click.argument("preset", required=False)
@click.option("--path", help="Match calls of this path: /send-message.")
@click.option("--method", help="Match calls with this method.")
@click.option("--number", help="Match what concerns this phone number.")
@click.option("--key", help="Match calls with this API key.")
@click.option("--body", metavar="JSON", help='Match a body: \'{"type": "text"}\'.')
@click.option("--on", type=click.Choice(["calls", "deliveries"]), help="What fails; calls, if not given.")
@click.option("--status", type=click.IntRange(200, 599), help="Reply with this status.")
@click.option("--response-body", metavar="JSON|TEXT", help="Body of the reply.")
@click.option("--delay", metavar="SECONDS", help="Delay the response: 1.5, or 1-3 for a time between.")
@click.option("--action", help="reset, drop_response, truncate, corrupt; of deliveries also drop, duplicate, reorder.")
@click.option("--times", type=click.IntRange(1, _MOST), help="Affect at most N matches.")
@click.option("--after", type=click.IntRange(0, _MOST), help="Let the first N matches pass.")
@click.option("--every", type=click.IntRange(1, _MOST), help="Affect only every Nth match.")
@click.option("--probability", type=float, help="From 0 to 1, decided by the world's seed.")
@click.option("--name", help="Name of the fault in lists.")
def add(emulator: ControlPlane, as_json: bool, **given: Any) -> None:
    """Arm a fault: a PRESET (rate-limited, flaky, slow, down, unauthorized), or options, or both."""
    response = emulator.call("POST", "/faults", _described(given))
    output.show(response, as_json, [fault_line(response)])


@fault.command("list")
def list_faults(emulator: ControlPlane, as_json: bool) -> None:
    """List the faults of a world with their counts of matches and hits."""
    response = emulator.call("GET", "/faults")
    output.show(response, as_json, map(fault_line, emulator.items(response, "faults")))


@fault.command()
@click.argument("fault_id", metavar="[ID]", required=False)
def clear(emulator: ControlPlane, as_json: bool, fault_id: str | None) -> None:
    """Remove a fault, or all faults."""
    response = emulator.call("DELETE", "/faults" if fault_id is None else f"/faults/{part(fault_id)}")
    output.show(response, as_json, [f"deleted: {response.get('deleted')}"])


def _described(given: dict[str, Any]) -> dict[str, Any]:
    match = {name: given.pop(name) for name in ("path", "method", "number", "key")}
    body, response_body, delay = given.pop("body"), given.pop("response_body"), given.pop("delay")
    status, probability = given.pop("status"), given["probability"]
    if body is not None:
        match["body"] = json_option("--body", body)
    if probability is not None and not 0 <= probability <= 1:
        raise click.UsageError("--probability: from 0 to 1")
    if response_body is not None and status is None:
        raise click.UsageError("--response-body: give the --status of the reply, too")
    if status is not None:
        given["respond"] = {"status": status}
        if response_body is not None:
            given["respond"]["body"] = json_or_text(response_body)
    if delay is not None:
        given["delay"] = _delay(delay)
    given["match"] = {name: wanted for name, wanted in match.items() if wanted is not None} or None
    return {name: value for name, value in given.items() if value is not None}


def _delay(text: str) -> float | dict[str, float]:
    found = _DELAY.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--delay: {text!r} is neither seconds such as 1.5 nor a range such as 1-3")
    return float(found[1]) if found[2] is None else {"from": float(found[1]), "to": float(found[2])}
