"""Takes an emulator to the size of a large test laboratory, and checks that nothing is lost or doubled.

    python -m tests.benchmarks.scale [--only worlds|messages|groups|clients|webhooks] [--beside PATH]

- worlds: 1,000 worlds, with 10 clients at work in each, one world after the other
- messages: 200,000 messages in one world, then its lists, its searches and its pages
- groups: 2,000 groups of 500 people
- clients: what `tests.benchmarks.concurrency` does with 64 clients, for `--seconds` (600)
- webhooks: 5,000 events for a receiver that fails a third of them, some once and some for good

`--beside` names another checkout, such as one of the release before, to measure its emulator as well. The calls of the
worlds, messages and groups take turns then, a few to one emulator and a few to the other, so that a busy machine slows
down both. The clients and the webhooks are measured one after the other; `--seconds-beside` shortens the second turn of
the clients. It exits with 1 if something is lost or doubled here. Memory is read from /proc, so this needs Linux.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import concurrency
from tests.benchmarks.support import KEY, Process, percentile, started, table, terms
from tests.benchmarks.wire import Wire, request
from tests.receiver import Asked, Receiver

LATER = "2090-01-01 10:00:00"
PATIENCE_SECONDS = 600
SENDS, READS = 3, 2
HISTORY = 1_000_000
CHATS = 400
TURN = 20  # sends to one emulator, before those to the other
PORTION_OF_STREAM = 10_000
PEOPLE = 10_000
REPEATS = 50
SEARCHES = 10
SECONDS = 600
PORTION = 100  # of groups, in a call
RETRIES = (1, 5)
SENDERS = 8
INSTANCE = "9b540e83-e1ca-49b4-8c34-01fd31991d04"
UI = "/_mock/ui/w/default"
SEND = "POST /send-message"
MAX_SHOWN = 20

Turns = Generator[None, None, None]
"""The calls of a part, which stops where the other emulator takes its turn."""


@dataclass
class Outcome:
    """What a part measured, and what was wrong."""

    figures: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def compare(self, what: str, expected: Iterable[object], found: Iterable[object]) -> None:
        """Note what is missing of the expected, and what is there beyond it or twice."""
        wanted, there = Counter(iter(expected)), Counter(iter(found))
        for word, wrong in (("lost", wanted - there), ("too many", there - wanted)):
            if wrong:
                self.problems.append(f"{what}: {wrong.total():,} {word}, such as {list(wrong)[:3]}")

    def time(self, name: str, of: str) -> None:
        """Add the median and the 99th percentile of the calls that were made under this name."""
        milliseconds = [seconds * 1000 for seconds in self.taken[of]]
        self.figures[f"{name}, p50 ms"] = statistics.median(milliseconds)
        self.figures[f"{name}, p99 ms"] = percentile(milliseconds, 99)

    def use(self, emulator: Process) -> None:
        """Add what the emulator has used, of which a busy machine changes little."""
        self.figures["processor time of the emulator, s"] = emulator.processor_seconds
        self.figures["memory at its peak, MB"] = emulator.peak_memory


class Caller:
    """Calls an emulator over one connection, and keeps in the outcome what each call took."""

    def __init__(self, outcome: Outcome, emulator: Process) -> None:
        self._outcome = outcome
        self._wire = Wire(emulator.port, PATIENCE_SECONDS)

    def close(self) -> None:
        self._wire.close()

    def call(self, name: str, path: str = "", body: Any = None, key: str = KEY, ok: int = 200) -> Any:
        """Make the call that has this name, or another one under it, and return the JSON or the bytes.

        Args:
            name: method and path, or what to keep its seconds as.
            path: where to ask for what has another name.
        """
        method, where = ("POST" if body is not None else "GET", path) if path else name.split(" ", 1)
        data = b"" if body is None else json.dumps(body).encode()
        begun = time.perf_counter()
        status, response = self._wire.call(request(method, where, data, key=key))
        self._outcome.taken[name].append(time.perf_counter() - begun)
        if status != ok:
            raise SystemExit(f"{method} {where}: {status} {response[:500]!r}")
        return json.loads(response) if response.startswith((b"{", b"[")) else response


def text(recipient: str, words: str) -> dict[str, Any]:
    return {"recipients": [recipient], "type": "text", "text": words}


def person(number: int) -> str:
    return f"25471{number:07}"


# --- the parts


def worlds(outcome: Outcome, checkout: Path | None, many: int = 1000, clients: int = 10) -> Turns:
    """Have clients work in one world after the other; at the end all worlds are there, each with what is its own."""
    names = ["default", *(f"world-{number}" for number in range(1, many))]
    with started(checkout=checkout) as emulator, ExitStack() as stack:
        control = caller(stack, outcome, emulator)
        callers = [caller(stack, outcome, emulator) for _ in range(clients)]
        pool = stack.enter_context(ThreadPoolExecutor(clients))
        empty = emulator.memory
        for name in names:
            if name != "default":
                control.call("POST /_mock/worlds", body={"name": name, "api_key": key_of(name)}, ok=201)
            begun = time.perf_counter()
            list(pool.map(work, callers, [name] * clients, range(clients)))
            outcome.taken["world"].append(time.perf_counter() - begun)
            yield
        outcome.figures["calls a second"] = clients * many * (SENDS + READS + 1) / sum(outcome.taken["world"])
        outcome.time("send-message", SEND)
        tenth = max(1, len(outcome.taken[SEND]) // 10)
        first, last = outcome.taken[SEND][:tenth], outcome.taken[SEND][-tenth:]
        outcome.figures["send-message, last tenth to first"] = statistics.median(last) / statistics.median(first)
        outcome.use(emulator)
        outcome.figures["  for each world, KB"] = (emulator.memory - empty) * 1024 / many

        there = control.call("GET /_mock/worlds")["worlds"]
        outcome.compare("worlds", names, [one["name"] for one in there])
        for name in names:
            sent = [one["text"] for one in control.call("messages", f"/_mock/messages?world={name}")["messages"]]
            tasks = [one["text"] for one in control.call("tasks", f"/_mock/scheduled?world={name}")["scheduled"]]
            wrote = [f"{name} {number}" for number in range(clients)]
            outcome.compare(f"messages of {name}", [one for one in wrote for _ in range(SENDS)], sent)
            outcome.compare(f"scheduled messages of {name}", wrote, tasks)


def key_of(world: str) -> str:
    return KEY if world == "default" else f"key-of-{world}"


def work(caller: Caller, world: str, number: int) -> None:
    """Send, schedule and read in a world."""
    key, said = key_of(world), text(person(number), f"{world} {number}")
    for _ in range(SENDS):
        caller.call(SEND, body=said, key=key)
    caller.call("POST /schedule-message", body={**said, "sendAt": LATER}, key=key)
    for _ in range(READS):
        caller.call("GET /scheduled-messages", key=key)


def messages(outcome: Outcome, checkout: Path | None, many: int = 200_000) -> Turns:
    """Send messages, and read them as they come; at the end the world holds the newest, and its lists respond."""
    shared = concurrency.Shared()
    with started("--history", str(HISTORY), checkout=checkout) as emulator, ExitStack() as stack:
        client = caller(stack, outcome, emulator)
        reader = concurrency.Reader(shared, emulator.port)
        for number in range(many):
            client.call(SEND, body=text(person(number % CHATS), f"message {number}"))
            if (number + 1) % PORTION_OF_STREAM == 0 or number + 1 == many:
                newest = client.call("GET /_mock/messages?limit=1")["messages"][-1]
                if not reader.wait_for(newest["event"], PATIENCE_SECONDS):
                    outcome.problems.append(f"the stream has not told of event {newest['event']}")
            if number % TURN == 0:
                yield
        outcome.figures["sends a second"] = many / sum(outcome.taken[SEND])
        outcome.figures["processor time of the emulator for a send, ms"] = emulator.processor_seconds / many * 1000
        outcome.time("send-message", SEND)
        outcome.problems += shared.problems
        sent = [f"message {number}" for number in range(many)]
        outcome.compare("messages of the stream", sent, reader.texts.elements())
        outcome.compare("ids", reader.ids, reader.ids.elements())

        found = client.call("kept", f"/_mock/messages?limit={many}")
        kept = [one["text"] for one in found["messages"]]
        outcome.compare("messages that are kept or counted as evicted", sent[found["evicted"] :], kept)
        outcome.figures["messages kept"] = len(kept)
        middle = found["messages"][len(kept) // 2]["event"]
        chat = f"{INSTANCE}/{person(0)}%40s.whatsapp.net"
        search = {"match": {"text": kept[0]}, "limit": 10}
        calls = (
            ("the newest 100 messages", "/_mock/messages?limit=100", None),
            ("  100 from the middle", f"/_mock/messages?since={middle}&limit=100", None),
            ("the newest 100 calls", "/_mock/requests?limit=100", None),
            ("the newest 100 events", "/_mock/events?limit=100", None),
            ("the search for a text", "/_mock/messages/search", search),
            ("the page of all chats", f"{UI}/chats", None),
            ("the page of one chat", f"{UI}/chats/{chat}", None),
            ("  what was before, in the middle", f"{UI}/parts/older/{chat}?before={middle}", None),
            ("the chats, searched", f"{UI}/parts/chats?q=message", None),
        )
        for name, path, body in calls:
            for _ in range(SEARCHES if "search" in name else REPEATS):
                client.call(name, path, body)
                yield
            outcome.time(name, name)
        outcome.use(emulator)


def groups(outcome: Outcome, checkout: Path | None, many: int = 2000, size: int = 500) -> Turns:
    """Make groups, change them, and send to each; at the end each has as many people, and one message."""
    with started("--history", str(HISTORY), checkout=checkout) as emulator, ExitStack() as stack:
        client = caller(stack, outcome, emulator)
        empty = emulator.memory
        members: dict[str, list[str]] = {}
        for number in range(many):
            people = [person((number * 7 + one) % PEOPLE) for one in range(size - 1)]
            made = client.call("POST /groups", body={"subject": f"Group {number}", "participants": people})["data"]
            members[made["id"]] = people
            yield
        outcome.time("making one", "POST /groups")
        outcome.figures["memory of each, KB"] = (emulator.memory - empty) * 1024 / many

        for number, (jid, people) in enumerate(list(members.items())[:: max(1, many // REPEATS)]):
            client.call("its info", f"/groups/{jid}")
            client.call("a page of 10", f"/groups?page={number + 1}&limit=10")
            for action in ("remove", "add"):
                body = {"action": action, "participants": people[:1]}
                client.call("removing or adding one", f"/groups/{jid}/participants", body)
            client.call("an inbound message", "/_mock/inbound", {"from": people[1], "group": jid, "text": "hi"}, ok=201)
            client.call("the page of all chats", f"{UI}/chats")
            yield
        jids = list(members)
        for begin in range(0, many, PORTION):
            body = {"groupJids": jids[begin : begin + PORTION], "type": "text", "text": "to all"}
            client.call(f"sending to {PORTION} of them", "/groups/send-message", body)
            yield
        for name in list(outcome.taken)[1:]:
            outcome.time(name, name)

        found: dict[str, Any] = {}
        for page in range(1, many // PORTION + 2):
            found |= client.call("pages", f"/groups?page={page}&limit={PORTION}")["data"]
        outcome.compare("groups", jids, [jid for jid, one in found.items() if one["subject"].startswith("Group ")])
        for jid in members.keys() & found:
            people = [one["id"] for one in found[jid]["participants"]]
            if not size == found[jid]["size"] == len(people) == len(set(people)):
                outcome.problems.append(f"a group of {size} has {found[jid]['size']} people: {len(set(people))} others")
        sent = client.call("search", "/_mock/messages/search", {"match": {"text": "to all"}})["messages"]
        outcome.compare("messages to groups", jids, [one["chat"] for one in sent])
        outcome.use(emulator)


def clients(
    outcome: Outcome, checkout: Path | None, many: int = 64, seconds: float | None = SECONDS, rounds: int | None = None
) -> Turns:
    """Have clients mix all calls."""
    found = concurrency.run(many, 1, seconds=seconds, rounds=rounds, checkout=checkout)
    outcome.problems += found.problems
    outcome.taken |= {name: [taken for _, taken in results] for name, results in found.calls.items()}
    outcome.taken["all"] = [taken for results in found.calls.values() for _, taken in results]
    outcome.figures["calls"] = found.count
    outcome.figures["calls a second"] = found.count / found.seconds
    for name in ("all", SEND, "POST /_mock/inbound"):
        outcome.time(name, name)
    outcome.figures["processor time of the emulator for a call, ms"] = found.processor_seconds / found.count * 1000
    outcome.figures["memory at its peak, MB"] = found.memory
    yield


def webhooks(outcome: Outcome, checkout: Path | None, many: int = 5000) -> Turns:
    """Have people write to a receiver that refuses each third event once, and a third of these always."""
    tries: dict[str, list[int]] = defaultdict(list)  # by the id of the message, the statuses
    accepted: dict[str, list[int]] = defaultdict(list)  # by chat, the numbers
    lock = threading.Lock()

    def behave(asked: Asked) -> int:
        number, data = int(asked.text), asked.event["data"]
        with lock:
            status = 500 if number % 9 == 0 or (number % 3 == 0 and not tries[data["id"]]) else 200
            tries[data["id"]].append(status)
            if status == 200:
                accepted[data["from"]].append(number)
        return status

    with (
        Receiver(behave) as receiver,
        started("--history", str(HISTORY), checkout=checkout) as emulator,
        ExitStack() as stack,
    ):
        control, *_ = callers = [caller(stack, outcome, emulator) for _ in range(SENDERS)]
        hook = "/_mock/instances/default/webhook"
        control.call(f"PUT {hook}", body={"url": receiver.url, "retries": RETRIES})
        told: dict[str, int] = {}

        def write(sender: int) -> None:
            for number in range(sender, many, SENDERS):
                body = {"from": person(number % CHATS), "text": str(number)}
                made = callers[sender].call("POST /_mock/inbound", body=body, ok=201)
                told[made["delivery"]["id"]] = number

        begun = time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(write, range(SENDERS)))
        outcome.time("an inbound message", "POST /_mock/inbound")
        open_ = {"match": {"status": {"one_of": ["pending", "retrying", "held"]}}, "limit": 1}
        while control.call("POST /_mock/deliveries/search", body=open_)["deliveries"]:
            if control.call("webhook", hook)["webhook"]["paused"]:
                control.call("resume", f"{hook}/resume", {})
            control.call("advance", "/_mock/clock/advance", {"seconds": max(RETRIES)})
            control.call("settle", "/_mock/deliveries/settle", {})
        outcome.figures["events a second, retries included"] = many / (time.perf_counter() - begun)

        ended = control.call("deliveries", f"/_mock/deliveries?limit={many + 1}")["deliveries"]
        outcome.compare("deliveries", told, [one["id"] for one in ended])
        for one in ended:
            number, statuses = told[one["id"]], tries[one["message"]]
            is_refused = number % 9 == 0
            told_as = "failed" if is_refused else "delivered"
            is_once = statuses.count(200) == (not is_refused) and len(statuses) == len(one["attempts"])
            if one["status"] != told_as or not is_once:
                outcome.problems.append(f"event {number} is {one['status']}, and its tries ended with {statuses}")
        for chat, numbers in accepted.items():
            if numbers != sorted(numbers):
                outcome.problems.append(f"events of {chat} came in the order {numbers}")
        outcome.figures["events that were delivered"] = sum(one["status"] == "delivered" for one in ended)
        outcome.figures["events that failed"] = sum(one["status"] == "failed" for one in ended)
        outcome.figures["attempts"] = len(receiver.asked)
        outcome.use(emulator)
    yield


def caller(stack: ExitStack, outcome: Outcome, emulator: Process) -> Caller:
    client = Caller(outcome, emulator)
    stack.callback(client.close)
    return client


PARTS: dict[str, Callable[..., Turns]] = {
    "worlds": worlds,
    "messages": messages,
    "groups": groups,
    "clients": clients,
    "webhooks": webhooks,
}


def run(name: str, checkouts: Sequence[Path | None], *numbers: Mapping[str, Any]) -> list[Outcome]:
    """Run a part with the emulator of each checkout, None for this one, in turns, and return the outcomes."""
    outcomes = [Outcome() for _ in checkouts]
    with ExitStack() as stack:
        turns = [
            stack.enter_context(closing(PARTS[name](outcome, checkout, **given)))
            for outcome, checkout, given in zip(outcomes, checkouts, numbers, strict=True)
        ]
        while turns:
            turns = [turn for turn in turns if next(turn, turn) is None]
    return outcomes


def shown(name: str, here: Outcome, beside: Outcome | None = None) -> str:
    """Lay out what was measured, beside that of another checkout and what it is in terms of this."""
    rows = [(name, "measured", *(("beside", "ratio") if beside else ()), "")]
    for figure, value in here.figures.items():
        other = beside.figures[figure] if beside else 0.0
        more = (f"{other:,.2f}", f"{value / other:.2f}" if other else "") if beside else ()
        rows.append((figure, f"{value:,.2f}", *more, ""))
    return table(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part to run; all if none is named")
    parser.add_argument(
        "--beside", type=Path, metavar="PATH", help="another checkout to measure in turns with this one"
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long the clients work")
    parser.add_argument("--seconds-beside", type=float, help="how long they work with the other checkout")
    wanted = parser.parse_args()

    print(terms())
    failed = False
    for name in wanted.only or PARTS:
        checkouts = [None, wanted.beside.resolve()] if wanted.beside else [None]
        lasting = [{"seconds": wanted.seconds}, {"seconds": wanted.seconds_beside or wanted.seconds}]
        numbers = lasting if name == "clients" else [{}, {}]
        outcomes = run(name, checkouts, *numbers[: len(checkouts)])
        print(f"\n{shown(name, *outcomes)}")
        for where, outcome in zip(("", "beside: "), outcomes, strict=False):
            print(f"{where}problems: {len(outcome.problems)}", *outcome.problems[:MAX_SHOWN], sep="\n- ", flush=True)
        failed |= bool(outcomes[0].problems)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
