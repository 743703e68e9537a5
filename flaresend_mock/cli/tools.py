"""Commands that need no world: health, openapi, fidelity, helper, payload, completion and verify-signature."""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from flaresend_mock import client, package_data, version
from flaresend_mock.background.realtime import Stopwatch
from flaresend_mock.cli import output
from flaresend_mock.core.matchers.parser import unknown

_ENDINGS = {"node": ".mjs", "node-cjs": ".cjs", "node-types": ".d.mts"}
HELPERS = {name: f"flaresend{ending}" for name, ending in _ENDINGS.items()} | {"php": "Flaresend.php"}
SECONDS_BETWEEN = 0.2


def health(emulator: client.ControlPlane, wait: float, as_json: bool) -> None:
    watch, never = Stopwatch(), threading.Event()
    while True:
        limit = client.SECONDS if wait == 0 else min(client.SECONDS, max(1.0, wait - watch.seconds))
        try:
            if (response := emulator.call("GET", "/health", seconds=limit)).get("status") != "ok":
                raise client.NotAnEmulator(emulator.url)
        except (client.ControlPlaneError, client.EmulatorUnreachable) as error:
            problem = getattr(error, "reason", "") or str(error)
            hint = output.START if getattr(error, "is_refused", False) else ""
        else:
            output.document(response)
            return
        if (left := wait - watch.seconds) <= 0:
            raise click.ClickException(f"{emulator.url} is not ready: {problem}{hint}")
        never.wait(min(SECONDS_BETWEEN, left))


def openapi(control: bool, url: str) -> None:
    from flaresend_mock.app import document

    print(json.dumps(document("control" if control else "api", url), indent=2))


def fidelity() -> None:
    from flaresend_mock.contract import fidelity_table

    print(fidelity_table(), end="")


def helper(name: str | None) -> None:
    if name:
        file = Path(__file__).parent.parent / "helpers" / HELPERS[name].replace(".cjs", ".mjs")
        source = file.read_text(encoding="utf-8").replace("{{version}}", version.__version__)
        source = _as_commonjs(source) if name == "node-cjs" else source
        click.echo(source.encode(), nl=False)  # the same bytes everywhere
    else:
        click.echo("\n".join(f"{one:12}{file}" for one, file in HELPERS.items()))


def payload(kind: str | None) -> None:
    folders = (package_data.FIXTURES / "webhooks", package_data.FIXTURES / "webhooks" / "assumed")
    files = {file.stem: file for folder in folders for file in sorted(folder.glob("*.json"))}
    name = (kind or "").replace("_", "-")
    if name and name not in files:
        raise click.UsageError(unknown(name, list(files)))
    found = json.loads(files[name].read_text(encoding="utf-8")) if name else {}
    body = json.dumps(found["event"] if "request" in found else found, indent=2, ensure_ascii=False)
    click.echo(body.encode() if name else "\n".join(files))  # the same bytes everywhere


def completion(shell: str) -> None:
    root, made = click.get_current_context().find_root().command, get_completion_class(shell)
    click.echo(made and made(root, {}, "flaresend-mock", "_FLARESEND_MOCK_COMPLETE").source())


def _as_commonjs(source: str) -> str:
    names = re.findall(r"^export (?:class|const|function) (\w+)", source, re.MULTILINE)
    source = re.sub(r"^import (.+) from (.+);", r"const \1 = require(\2);", source, flags=re.MULTILINE)
    source = re.sub("^export (default )?", "", source, flags=re.MULTILINE)
    source = source.replace("node > test/flaresend.mjs", "node-cjs > test/flaresend.cjs").replace(".d.mts", ".d.cts")
    return f"{source}\nmodule.exports = Object.assign(globalSetup, {{ {', '.join(names)} }});\n"


def verify_signature(secret: str, headers_file: Any, body_file: Any) -> int:
    from flaresend_mock.background.posting import hub_signature, standard_signature

    pairs = (line.partition(":") for line in headers_file if ":" in line)
    received = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body, stamp = body_file.read(), (received.get("webhook-id", ""), received.get("webhook-timestamp", ""))
    ways: dict[str, tuple[str, Callable[[str], list[str]]]] = {
        "webhook-signature": (standard_signature(secret, *stamp, body), str.split),
        "X-Hub-Signature-256": (hub_signature(secret, body), lambda value: [value]),
    }
    holds = []
    for name, (expected, split) in ways.items():
        if name.lower() in received:
            given = split(received[name.lower()])
            holds.append(expected in given)
            print(f"{name}: {'holds' if holds[-1] else 'does not hold'}\n  expected {expected}")
            print(f"  received {ascii(' '.join(given))[1:-1]}")
    if not holds:
        print("There is neither a webhook-signature nor an X-Hub-Signature-256 header.")
    return 0 if holds and all(holds) else 1
