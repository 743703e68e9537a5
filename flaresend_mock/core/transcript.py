"""A world's transcript as text: one line for each message, call, attempt, scheduled message and fault.

The functions take resources as the control plane shows them, so that the emulator and its clients write the same lines.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shown = Mapping[str, Any]

LIMIT = 30  # how many of the newest messages, calls and deliveries a transcript has
STRAYS = 5
_ACTIONS = json.loads((Path(__file__).parent / "assets" / "fault_actions.json").read_text("utf-8"))
CALL_ACTIONS_TEXT, DELIVERY_ACTIONS_TEXT = _ACTIONS["calls"], _ACTIONS["deliveries"]
ARROWS = {"outbound": "→", "inbound": "←"}
WIDTH = 100
_PEOPLE = ("@s.whatsapp.net", "@lid")


def message_line(message: Shown, when: str, arrows: Mapping[str, str] = ARROWS) -> str:
    """Return one line of a message, with the time `when` at its beginning, and `arrows` for its direction."""
    chat, parties = str(message.get("chat")), f"{message.get('from')} to {message.get('to')}"
    room = "" if chat.endswith(_PEOPLE) or chat in parties else f" in {chat}"
    arrow = arrows["outbound" if message.get("direction") == "outbound" else "inbound"]
    said = next((message[name] for name in ("text", "caption", "fileName", "url") if message.get(name)), None)
    target = f" of {message['target']}" if message.get("target") else ""
    content = f" {short(said)}" if said else ""
    failed = " (failed)" if message.get("status") == "failed" else ""
    return printable(f"{when} {arrow} {parties}{room} {message.get('type')}{target}") + content + failed


def fault_line(fault: Shown) -> str:
    """Return one line of a fault: what it matches, its effects, its limits and its counts."""
    named = [str(fault["name"])] if fault.get("name") not in (None, fault.get("id")) else []
    words = [str(fault.get("id")), *named, f"on {fault.get('on')}"]
    for name, wanted in object_in(fault.get("match")).items():
        words.append(f"{name}={wanted if isinstance(wanted, str) else short(wanted)}")
    counts = f"matched {fault.get('matched')}, hit {fault.get('hits')}{'' if fault.get('armed') else ', used up'}"
    effects = ", ".join([*fault_effects(fault), *fault_limits(fault)])
    return printable(f"{' '.join(words)}: {effects} ({counts})")


def fault_effects(fault: Shown) -> list[str]:
    """Return what a fault does, in words."""
    on_calls, delay = fault.get("on") != "deliveries", object_in(fault.get("delay"))
    found = []
    if fault.get("respond"):
        what = "responds with" if on_calls else "replaces the response by"
        found.append(f"{what} {object_in(fault['respond']).get('status')}")
    if fault.get("delay"):
        found.append(f"delays the {'response' if on_calls else 'event'} by {_delay(delay)}")
    if action := fault.get("action"):
        found.append((CALL_ACTIONS_TEXT if on_calls else DELIVERY_ACTIONS_TEXT).get(action, str(action)))
    return found


def fault_limits(fault: Shown) -> list[str]:
    """Return how often a fault hits, in words; nothing for one that always does."""
    after, every, times = fault.get("after") or 0, fault.get("every") or 1, fault.get("times")
    probability = fault.get("probability", 1)
    found = [f"after {after} match{'es' if after > 1 else ''}"] if after else []
    found += [f"every {every} matches"] if every > 1 else []
    if probability is not None and probability < 1:
        found.append(f"{probability:.0%} of the time" if probability >= 0.01 else "rarely")
    if times is not None:
        found.append("once" if times == 1 else f"at most {times} times")
    return found


def short(value: Any) -> str:
    """Return a value as JSON, shortened to one line that no terminal obeys."""
    text = json.dumps(value, ensure_ascii=False)
    return printable(text if len(text) <= WIDTH else f"{text[:WIDTH]}…")


def printable(text: str) -> str:
    """Return a text with escapes for what is not printable, such as newlines and what controls a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _delay(delay: Shown) -> str:
    mean, deviation, lowest, highest = (delay.get(name) for name in ("mean", "deviation", "from", "to"))
    if mean is not None:
        return f"{mean:g} s" + (f" ± {deviation:g} s" if deviation else "")
    shown = [f"{bound:g}" for bound in (lowest, highest) if isinstance(bound, int | float)]
    return f"{' to '.join(dict.fromkeys(shown))} s"


def object_in(value: Any) -> Shown:
    """Return a value that is an object, or an empty one."""
    return value if isinstance(value, dict) else {}
