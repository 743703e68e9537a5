"""flaresend-mock world, clock, instance, receive, fault and others: the calls that change a world."""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from flaresend_mock.cli import output
from flaresend_mock.cli.commands import Call, json_option, json_or_text, read_file, write_file
from flaresend_mock.client import LONG_SECONDS, ControlPlane, NotAnEmulator, media_of, part
from flaresend_mock.core.transcript import fault_line

_WHITE_ON_BLACK, _DEFAULT_COLOURS = "\x1b[97;40m", "\x1b[0m"
_IMAGES = {".png": "image/png", ".svg": "image/svg+xml"}
_LINE = "{id} {status} {number} {name}"
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:-(\d{1,9}(?:\.\d{1,9})?))?", re.ASCII)
_OPENING = b'{"format":"flaresend-mock world"'
_OBEYED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def _new_world(given: dict[str, Any]) -> dict[str, Any]:
    if (file := given.pop("file", None)) is None:
        return given
    if "fixture" in given:
        raise click.UsageError("--fixture: give --fixture or --file, not both")
    if not isinstance(contents := json_or_text(read_file(file)), dict):
        raise click.UsageError(f"{file}: it holds no JSON object, as world files and exports do")
    return {**given, "export" if "format" in contents else "world": contents}


def world_export(emulator: ControlPlane, as_json: bool, file: Path | None, with_secrets: bool) -> None:
    data, _ = emulator.fetch("/world", seconds=LONG_SECONDS, with_secrets="true" if with_secrets else None)
    if not data.startswith(_OPENING):
        raise NotAnEmulator(emulator.url)
    if file is not None and str(file) != "-":
        write_file(file, data, private=with_secrets)
        output.show({"file": str(file), "bytes": len(data)}, as_json, [])
        return
    if sys.stdout.isatty():
        data = data.decode("utf-8", "replace").translate(_OBEYED).encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")


def world_set(emulator: ControlPlane, as_json: bool, changes: Sequence[tuple[str, Any]]) -> None:
    response = emulator.call("PATCH", "/world", dict(changes))
    lines = [f"{name}: {'none' if value is None else value}" for name, value in response.items()]
    output.show(response, as_json, lines)


def clock(emulator: ControlPlane, as_json: bool, now: str | None, frozen: bool | None) -> None:
    change = {name: value for name, value in (("now", now), ("frozen", frozen)) if value is not None}
    response = emulator.call("PATCH", "/clock", change) if change else emulator.call("GET", "/clock")
    state, due = "frozen" if response.get("frozen") else "running", response.get("next_due") or "nothing"
    line = f"{response.get('now')}, {state}; time zone {response.get('time_zone')}; next due: {due}"
    output.show(response, as_json, [line])


def advance(emulator: ControlPlane, as_json: bool, step: dict[str, Any]) -> None:
    response = emulator.call("POST", "/clock/advance", step, seconds=LONG_SECONDS)
    fired = emulator.items(response, "fired")
    now = f"It is {response.get('now')}" + ("" if fired else "; nothing fell due")
    output.show(response, as_json, [*map(_fired, fired), now])


def _fired(fired: Mapping[str, Any]) -> str:
    line = " ".join(str(fired.get(name)) for name in ("at", "kind", "id", "result"))
    return f"{line}: {fired['reason']}" if fired.get("reason") else line


def _line(world: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{world.get(name)} {name}" for name in ("instances", "messages", "scheduled", "faults"))
    return f"{world.get('name')}: {counts}; {world.get('now')}, {'frozen' if world.get('frozen') else 'running'}"


def _webhook(given: dict[str, Any]) -> dict[str, Any]:
    body = {"url": given.pop("target"), **given}
    if "ca" in body:
        body["ca"] = read_file(body["ca"]).decode("utf-8", "replace")
    return body


def instance_qr(emulator: ControlPlane, as_json: bool, instance_id: str, out: Path | None) -> None:
    path = f"/instances/{part(instance_id)}/qr"
    if out is not None:
        if (suffix := out.suffix.lower()) not in _IMAGES:
            raise click.UsageError(f"--out: {out}: a name that ends in .png or .svg")
        image, media_type = emulator.fetch(path, format=suffix[1:])
        if media_type != _IMAGES[suffix]:
            raise NotAnEmulator(emulator.url)
        write_file(out, image)
    drawing = b"" if as_json or out is not None else emulator.fetch(path, format="text")[0]
    response = emulator.call("GET", path)
    if not as_json:
        _draw(drawing.decode("utf-8", "replace"))
    output.show(response, as_json, [str(response.get("url"))])


def _draw(drawing: str) -> None:
    """Print a QR code; on a terminal in white on black, which phones can read."""
    if not output.can_write(drawing):
        output.note("this terminal cannot show the QR code; open the URL, or save the code with --out qr.png")
        return
    for line in drawing.splitlines():
        output.say(line, *((_WHITE_ON_BLACK, _DEFAULT_COLOURS) if sys.stdout.isatty() else ()))


def _event(given: str) -> Any:
    text = given if given.lstrip().startswith("{") else None
    try:
        if text is None and Path(given).is_file():
            text = Path(given).read_text(encoding="utf-8")
        return given if text is None else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise click.UsageError(f"--event: {given[:100]}: {error}") from None


def receive(emulator: ControlPlane, as_json: bool, field: Sequence[Any], **given: Any) -> None:
    file, event = given.pop("file"), given.pop("event")
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None} | dict(field)
    for name in ("reply_to", "target", "album"):
        if body.get(name) == "last":
            newest = emulator.items(emulator.call("GET", "/messages", limit=1), "messages")
            body[name] = newest[-1].get("id") if newest else "last"
    if event is not None:
        body["event"] = _event(event)
    if file is not None:
        try:
            body["media"] = media_of(file)
        except OSError as error:
            raise click.UsageError(f"--file: {file}: {error.strerror}") from None
    response = emulator.call("POST", "/inbound", body)
    if not isinstance(delivery := response.get("delivery"), dict):
        raise NotAnEmulator(emulator.url)
    output.show(response, as_json, [f"{delivery.get('message')} {delivery.get('status')}"])


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
    if (found := _DELAY.fullmatch(text)) is None:
        raise click.UsageError(f"--delay: {text!r} is neither seconds such as 1.5 nor a range such as 1-3")
    return float(found[1]) if found[2] is None else {"from": float(found[1]), "to": float(found[2])}


reset = Call("POST /reset", "World {world} is in its initial state", seconds=LONG_SECONDS)
world_list = Call("GET /worlds", _line, items="worlds")
world_create = Call("POST /worlds", "World {name}\nAPI key: {api_key}", body=_new_world, seconds=LONG_SECONDS)
world_import = Call(
    "PUT /world",
    "World {world} is in the state of {file}",
    body=lambda given: read_file(given["file"]),
    seconds=LONG_SECONDS,
)
world_delete = Call("DELETE /worlds/{name}", "deleted: {deleted}")
instance_list = Call("GET /instances", _LINE, items="instances")
instance_create = Call("POST /instances", _LINE)
instance_connect = Call("POST /instances/{instance_id}/status", _LINE, body=lambda _: {"status": "connected"})
instance_disconnect = Call("POST /instances/{instance_id}/disconnect", _LINE)
instance_webhook = Call("PUT /instances/{instance_id}/webhook", "{instance} {target}", body=_webhook)
fault_add = Call("POST /faults", fault_line, body=_described)
fault_list = Call("GET /faults", fault_line, items="faults")
fault_clear = Call("DELETE /faults/{fault_id}", "deleted: {deleted}")
