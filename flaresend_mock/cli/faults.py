"""flaresend-mock fault: failures on purpose."""

import re
from typing import Any

import click

from flaresend_mock.cli.commands import Call
from flaresend_mock.cli.options import json_option, json_or_text
from flaresend_mock.core.transcript import fault_line

_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:-(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)


def _described(given: dict[str, Any]) -> dict[str, Any]:
    match = {name: given.pop(name) for name in ("path", "method", "number", "key", "body") if name in given}
    status, response_body = given.pop("status", None), given.pop("response_body", None)
    if "body" in match:
        match["body"] = json_option("--body", match["body"])
    if not 0 <= given.get("probability", 0) <= 1:
        raise click.UsageError("--probability: from 0 to 1")
    if response_body is not None and status is None:
        raise click.UsageError("--response-body: give the --status of the reply, too")
    if status is not None:
        given["respond"] = {"status": status}
        if response_body is not None:
            given["respond"]["body"] = json_or_text(response_body)
    if "delay" in given:
        given["delay"] = _delay(given["delay"])
    return {**given, "match": match} if match else given


def _delay(text: str) -> float | dict[str, float]:
    found = _DELAY.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--delay: {text!r} is neither seconds such as 1.5 nor a range such as 1-3")
    return float(found[1]) if found[2] is None else {"from": float(found[1]), "to": float(found[2])}


COMMANDS = {
    "fault add": Call("POST /faults", fault_line, body=_described),
    "fault list": Call("GET /faults", fault_line, items="faults"),
    "fault clear": Call("DELETE /faults/{fault_id}", "deleted: {deleted}"),
}
