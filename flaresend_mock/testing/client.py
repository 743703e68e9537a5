"""The fixture's client: one world of an emulator, in this process or elsewhere."""

from __future__ import annotations

import builtins
import json
import socket
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from contextvars import Context, copy_context
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack
from urllib.parse import urlsplit

from flaresend_mock.background import applications, files
from flaresend_mock.client import ControlPlane, ControlPlaneError, EmulatorUnreachable, media_of, part
from flaresend_mock.core import hosts
from flaresend_mock.settings import ENVIRONMENT
from flaresend_mock.testing import models
from flaresend_mock.testing.handles import AppURL, Clock, Fault, Instance, Snapshot, refuse_in_loop
from flaresend_mock.testing.models import Delivery, Message, Request, Scheduled

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from flaresend_mock.testing.aio import AsyncFlaresend
    from flaresend_mock.testing.matchers import DeliveryMatch, FaultFields, MessageMatch, RequestMatch
    from flaresend_mock.testing.webhook_receiver import WebhookReceiver

__tracebackhide__ = True  # pytest shows the line of the test instead

_Event = Mapping[str, Any]
_File = Path | str | None
_Since = int | Message | Request | Delivery | None
_Model = TypeVar("_Model", Message, Request, Delivery)

_ALL = "0.0.0.0"  # a container comes by another address than 127.0.0.1  # noqa: S104  # nosec B104
WITHIN = 2.0
SETTLE_SECONDS = 150.0  # longer than the emulator itself waits for deliveries


class ExpectationFailed(AssertionError):
    """An expectation does not hold. The message shows what happened instead."""

    explains_itself = True


ExpectationFailed.__module__ = "builtins"  # pytest leaves the module out of its summary
vars(builtins)["ExpectationFailed"] = ExpectationFailed  # and pickle finds it there, for parallel test runners


class _KitControl(ControlPlane):
    """Makes the calls of the kit. While one takes, its thread runs the applications that it has to run."""

    caller: applications.CallerThread

    def _exchange(self, *call: Any) -> tuple[bytes, str]:
        return self.caller.run(partial(super()._exchange, *call))


class Flaresend(AbstractContextManager["Flaresend"]):
    """One world of an emulator, over its control plane.

    Where something that is expected does not hold, an AssertionError shows the transcript of the world.

    Args:
        url: the address of the emulator, without a slash at the end.
        api_key: an API key of an instance; it picks the world.
        here: the emulator runs in this process, and so can call applications of this process.
        elsewhere: an event of the default world. Reports show the calls that went astray there after it.
        instance: the id of the key's instance, where that is not the world's first one.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        token: str | None = None,
        world: str | None = None,
        here: bool = False,
        elsewhere: int | None = None,
        instance: str = "default",
    ) -> None:
        self.url, self.api_key, self.world = url, api_key, world
        self.headers = {"Authorization": f"Bearer {api_key}"}
        self._control = _KitControl(url, api_key=api_key, token=token)
        self._control.caller = applications.CallerThread()
        self._token, self._here, self._elsewhere = token, here, elsewhere
        self._instance, self._path = instance, f"/instances/{part(instance)}"
        self.host: str | None = None  # the name of this machine for an emulator in a container
        self._open, self._served = ExitStack(), list[str]()
        self._snapshots: list[Snapshot] = []
        self._frozen_at: datetime | str | None = None
        self.clock, self.instance = Clock(self._control), Instance(self._control, self._path)

    def __repr__(self) -> str:
        return f"<Flaresend at {self.url}>"

    @property
    def aio(self) -> AsyncFlaresend:
        """The same calls, to be awaited: for a test in the event loop that the application runs in.

        RuntimeError if an application is called in the thread of the test, which cannot do that while it runs a loop.
        """
        if self._control.caller.thread is not None:
            raise RuntimeError(
                "webhook_app(…) calls the application in the thread of the test, while that waits: "
                "use `await flaresend_mock.aio.webhook_app(…)` instead"
            )
        from flaresend_mock.testing.aio import AsyncFlaresend  # imports asyncio

        return AsyncFlaresend(self)

    def __exit__(self, *_: object) -> None:
        self.close()

    def env(self, url: str = "FLARESEND_URL", api_key: str = "FLARESEND_API_KEY") -> Self:
        """Set the variables that the application reads its base URL and API key from, until the world is deleted."""
        for name, value in ((url, self.url), (api_key, self.api_key)):
            if name in ENVIRONMENT:
                self._open.callback(ENVIRONMENT.__setitem__, name, ENVIRONMENT[name])
            else:
                self._open.callback(ENVIRONMENT.pop, name, None)
            ENVIRONMENT[name] = value
        return self

    def redirect(self) -> Self:
        """Lead calls of https://api.flaresend.com by this process and its children here, until the world is deleted.

        Refuses https calls of other hosts.
        """
        from flaresend_mock.testing.redirection import redirect  # not every test needs it

        self._open.enter_context(redirect(self))
        return self

    def receive(
        self, /, sender: str | int, text: str | None = None, *, file: _File = None, wait: bool = True, **fields: Any
    ) -> _Event:
        """Send a message from a person to the instance, and return the event that its webhook gets.

        Args:
            text: the text of the message, or the caption of a file.
            file: the path of a file to send; media={"sample": "jpeg"} sends a file of the emulator's own.
            wait: return once the application of `webhook_app` has responded.
            fields: other fields of `POST /_mock/inbound`, such as type, media, caption, group, reply_to or target.
        """
        body = {"from": sender, **({} if text is None else {"text": text}), **fields}
        if file is not None:
            body["media"] = {**media_of(Path(file)), **fields.get("media", {})}
        return self._inbound("receive", body, wait)

    def event(self, event: _Event | str, *, instance: str | None = None, wait: bool = True) -> _Event:
        """Send an event that is no message of a person to the webhook unchanged, and return it.

        Args:
            event: the whole event, to which only `instanceId` and `timestamp` are added if it lacks them; or the name
                of a sample, such as "undecryptable" or "call". Flaresend documents none of these.
            instance: the id of the instance; the client's own one if it is left out.
            wait: return once the application of `webhook_app` has responded.
        """
        return self._inbound("event", {"event": event, **({} if instance is None else {"instance": instance})}, wait)

    def settings(self, /, **changes: Any) -> None:
        """Change settings of the world, such as directory="closed" or offline_messages="drop"."""
        self._control.call("PATCH", "/world", changes)

    def messages(self, **match: Unpack[MessageMatch]) -> list[Message]:
        """Return the messages that were sent and received, oldest first: all, or those that match these fields.

        ControlPlaneError if no message can match; it names the field that is meant.
        """
        return self._search(Message, "messages", models.message_fields(match))

    def sent_to(self, number: str) -> list[Message]:
        """Return the messages that were sent to a number or a group, oldest first."""
        return self.messages(direction="outbound", to=number)

    def media(self, message: Message) -> bytes:
        """Return the file of a message, before it was encrypted; ValueError if the message has none."""
        if message.media is None:
            raise ValueError(f"message {message.id} is {message.type}, without a file that the emulator has")
        return self._control.fetch(f"/media/{message.media}")[0]

    def expect_message(self, *, within: float = WITHIN, since: _Since = None, **match: Unpack[MessageMatch]) -> Message:
        """Return the first sent message that matches, as soon as there is one.

        Args:
            within: the seconds of real time to wait for it.
            since: what it comes after, such as the message before it in a conversation; None for all that happened.
            match: fields such as to, text and type; values, or operators such as {"contains": "order"}.
        """
        wanted = {"direction": "outbound", **models.message_fields(match)}
        return self._wait_for(Message, "messages", wanted, within, since)

    def expect_no_message(self, *, within: float = 0.0, since: _Since = None, **match: Unpack[MessageMatch]) -> None:
        """Make sure that no sent message matches, and none is sent within `within` real seconds.

        Waits for webhooks under way first, so an application that replies while it handles its webhook has replied. An
        application that replies later needs `within`.
        """
        wanted = models.matcher({"direction": "outbound", **models.message_fields(match)})
        body = {"match": wanted, "timeout": models.wait_seconds(within), "since": models.event_number(since)}
        refuse_in_loop("expect_no_message")
        self.settle()
        try:
            found = self._control.call("POST", "/messages/wait", body)["messages"]
        except ControlPlaneError as refused:
            if refused.code == "timeout":
                return
            if refused.code != "evicted":
                raise
            raise self._failed(str(refused)) from None
        raise self._failed(f"a message{_match_text(wanted)} was sent: {', '.join(str(one['text']) for one in found)}")

    def requests(self, **match: Unpack[RequestMatch]) -> list[Request]:
        """Return the calls of the API, oldest first: all, or those that match these fields."""
        return self._search(Request, "requests", match)

    def verify(
        self,
        *,
        exactly: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        never: bool = False,
        in_order: Iterable[RequestMatch] = (),
        since: _Since = None,
        **match: Unpack[RequestMatch],
    ) -> int:
        """Make sure that calls of the API match, in this number or this order, and return their number."""
        counts = {"exactly": exactly, "at_least": at_least, "at_most": at_most, "never": never or None}
        body: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
        if isinstance(in_order, str | Mapping):
            raise TypeError(f"in_order is a list of matchers, such as [{{'status': 503}}], not {in_order!r}")
        if steps := list(map(models.matcher, in_order)):
            body["in_order"] = steps
        body |= {"match": models.matcher(match), "since": models.event_number(since)}
        return int(self._call("requests/verify", body)["count"])

    def deliveries(self, **match: Unpack[DeliveryMatch]) -> list[Delivery]:
        """Return the webhook events with every attempt, oldest first: all, or those that match these fields."""
        return self._search(Delivery, "deliveries", match)

    def expect_delivery(
        self, *, within: float = WITHIN, since: _Since = None, **match: Unpack[DeliveryMatch]
    ) -> Delivery:
        """Return the first delivery that matches, as soon as there is one: delivered, unless you give a `status`."""
        return self._wait_for(Delivery, "deliveries", {"status": "delivered", **match}, within, since)

    def redeliver(self, delivery: Delivery | str | None = None) -> list[Delivery]:
        """Deliver an event again, given by its delivery or its id, or every event that failed, and settle."""
        id_ = delivery.id if isinstance(delivery, Delivery) else delivery
        path = "redeliver" if id_ is None else f"{part(id_)}/redeliver"
        body = {"status": "failed"} if id_ is None else None
        again = {one["id"] for one in self._control.call("POST", f"/deliveries/{path}", body)["deliveries"]}
        self.settle()
        return [one for one in self.deliveries() if one.id in again]

    def settle(self) -> None:
        """Wait until each delivery has come as far as it can without time passing: delivered, failed or to be retried.

        AssertionError if a receiver keeps one under way; RuntimeError in a running event loop, or if an application
        that handles a delivery calls this, and would wait for itself.
        """
        applications.refuse_while_handling()
        refuse_in_loop("settle")
        if not self._control.call("POST", "/deliveries/settle", seconds=SETTLE_SECONDS)["settled"]:
            stuck = ": the application waits for its thread to make a call of the kit"
            raise self._failed(f"some deliveries are still under way{stuck if self._control.caller.is_awaited else ''}")

    def webhook(self, /, url: str | None, *, ca: str | Path | None = None, verify: bool = True, **options: Any) -> None:
        """Send the instance's events to a URL; None sends them nowhere.

        Args:
            ca: certificates that an https receiver is verified against, besides the public ones: PEM, or its file.
            verify: False accepts any certificate.
            options: other fields of a webhook: `secret`, `retries`, `chaos`, `verification`, `verify_token`,
                `ordered=False` lets later events overtake retries, `body_style="escaped"` writes \\uXXXX and \\/.
        """
        if url is None:
            self._control.call("DELETE", f"{self._path}/webhook")
        else:
            pem = ca.read_text(encoding="utf-8") if isinstance(ca, Path) else ca
            self._control.call("PUT", f"{self._path}/webhook", {"url": url, "ca": pem, "verify": verify, **options})

    def webhook_receiver(
        self, /, *, host: str | None = None, shown: str | None = None, tls: bool = False, **options: Any
    ) -> WebhookReceiver:
        """Send the instance's events to a receiver that records them on a free port, until the test ends.

        Args:
            host: the address that the receiver listens on: 127.0.0.1, or another for an emulator elsewhere.
            shown: the name by which the emulator reaches it, such as host.docker.internal for one in docker.
            tls: it speaks https, and its `ca` becomes that of the webhook.
            options: of the webhook, such as secret and retries.
        """
        from flaresend_mock.testing.webhook_receiver import WebhookReceiver  # imports an HTTP server

        receiver = self._open.enter_context(WebhookReceiver(*self._address(host, shown), tls=tls))
        self.webhook(receiver.url, **{"ca": receiver.ca, **options})
        return receiver

    def webhook_app(
        self,
        /,
        app: Any,
        path: str = "/webhook",
        *,
        thread: Literal["caller", "own"] | None = None,
        loop: AbstractEventLoop | None = None,
        host: str | None = None,
        shown: str | None = None,
        **options: Any,
    ) -> AppURL:
        """Deliver the instance's events to an application, and return its URL.

        An emulator in this process calls it without a socket. For one elsewhere, it is served on a free port. It ends
        with the test or a `with`, after the deliveries under way.

        Args:
            app: a WSGI application such as a Flask one, an ASGI one such as a FastAPI one, or one of aiohttp; TypeError
                for another.
            path: the path of the webhook in the application.
            thread: "caller" calls it in this thread, while that is in a call of the kit, and so with this thread's
                database transaction: the default for Django. "own" calls it at once, in another thread.
            loop: the event loop of another thread that an ASGI application runs in, instead of one of its own.
            host: the address that it is served at for an emulator elsewhere.
            shown: the name by which that reaches it.
            options: of the webhook, such as secret and retries.
        """
        from flaresend_mock.background.asgi import handler  # imports asyncio

        thread = thread or ("own" if loop else applications.default_thread(app))
        opened = self._open.enter_context(ExitStack())
        handle = opened.enter_context(handler(app, thread, loop))
        if thread == "caller":
            refuse_in_loop("webhook_app", how="async with")  # this thread could not wait for its calls
            self._control.caller.join()
        context = copy_context() if loop else Context()  # asgiref has the thread of the transaction in the test's
        application = applications.Application(handle, self._control.caller if thread == "caller" else None, context)
        if self._here:
            base = opened.enter_context(applications.mounted(application))
        else:
            listens, name = self._address(host, shown)
            base = f"http://{name}:{opened.enter_context(applications.served(application, listens))}"
        url = f"{base}/{path.lstrip('/')}"
        self._served.append(url)
        self.webhook(url, **options)

        def end() -> None:
            self.settle()
            self.webhook(None)
            self._served.remove(url)
            opened.close()

        return AppURL(url, end)

    def scheduled(self) -> list[Scheduled]:
        """Return the scheduled messages that are pending, in the order they are sent in."""
        return [models.read(Scheduled, one) for one in self._control.call("GET", "/scheduled")["scheduled"]]

    def fault(self, preset: int | str | None = None, **fault: Unpack[FaultFields]) -> Fault:
        """Arm a fault: a status such as 503, a preset such as "flaky", or the fields of `POST /_mock/faults`.

        The end of a `with` waits for deliveries under way, and removes it.
        """
        given: dict[str, Any] = {} if preset is None else {"preset": preset}
        if isinstance(preset, int):
            given = {"respond": {"status": preset}}
        body = models.matcher({**given, **fault})
        return Fault(self._control, self._control.call("POST", "/faults", body), self.settle)

    def group(self, subject: str, participants: Iterable[str]) -> str:
        """Create a group of the instance with the people who have these numbers, and return its JID."""
        people = [participants] if isinstance(participants, str) else list(participants)
        body = {"subject": subject, "participants": people, "instance": self._instance}
        return str(self._control.call("POST", "/groups", body)["id"])

    def another_instance(self, /, **fields: Any) -> Flaresend:
        """Create an instance in this world, and return a client with its API key, until the test ends.

        The messages and calls of a world's instances stand in one list; match `instance=other.instance.id`.

        Args:
            fields: other fields of `POST /_mock/instances`, such as name and number.
        """
        id_ = self._control.call("POST", "/instances", {"status": "connected", **fields})["id"]
        key = self._control.call("POST", f"/instances/{id_}/api-keys", {})["api_key"]
        other = Flaresend(self.url, key, self._token, self.world, self._here, self._elsewhere, id_)
        other.host, other._control.caller = self.host, self._control.caller
        return self._open.enter_context(other)

    def person(
        self,
        number: str | int,
        *,
        name: str = "",
        lid: str | None = None,
        on_whatsapp: bool = True,
        aliases: Iterable[str | int] = (),
        addable: bool = True,
        rules: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Set a person. What is left out gets its default; the LID stays.

        Args:
            aliases: further numbers that reach the person, such as one without Brazil's ninth digit.
            addable: False for a person whose privacy settings forbid that others add them to groups.
            rules: automatic replies, such as {"when": "price", "reply": "How much?", "after": 2}.
        """
        details = {"name": name, "lid": lid, "on_whatsapp": on_whatsapp, "addable": addable, "rules": list(rules)}
        self._control.call("PUT", f"/people/{part(str(number))}", {**details, "aliases": list(map(str, aliases))})

    def snapshot(self, name: str | None = None) -> Snapshot:
        """Save the state of the world, to return to it later."""
        name = f"snapshot-{len(self._snapshots) + 1}" if name is None else name
        self._control.call("POST", f"/snapshots/{part(name)}")
        self._snapshots.append(Snapshot(self._control, name))
        return self._snapshots[-1]

    def restore(self, snapshot: Snapshot | None = None) -> None:
        """Return to a snapshot, or to the last one; RuntimeError if there is none."""
        if snapshot is None and not self._snapshots:
            raise RuntimeError("there is no snapshot to return to; take one with snapshot()")
        (snapshot or self._snapshots[-1]).restore()

    def reset(self) -> None:
        """Reset the world to its initial state, and its clock to the time of the marker."""
        self._control.call("POST", "/reset")
        if self._frozen_at is not None:
            self.clock.freeze(self._frozen_at)

    def freeze_for_good(self, at: datetime | str) -> None:
        """Freeze the clock, also after every reset."""
        self.clock.freeze(at)
        self._frozen_at = at

    def export(self, file: Path | str) -> None:
        """Write the whole world to a file."""
        files.write_file(Path(file).resolve(), self._control.fetch("/world")[0], private=False)

    def transcript(self, since: _Since = None) -> str:
        """Return what happened: messages, calls, deliveries, scheduled messages and faults, a line each."""
        return self._report(since=models.event_number(since))

    def close(self) -> None:
        """Stop receivers, wait for applications that handle a delivery and call them no more, and restore `env`."""
        if self._instance == "default":  # the others share it
            self._control.caller.close()
        if self._served:
            # the test is over, and a task of asyncio must not wait
            with suppress(ControlPlaneError, EmulatorUnreachable, ExpectationFailed, RuntimeError):
                self.settle()
        self._open.close()
        self._control.close()

    def _inbound(self, call: str, body: _Event, wait: bool) -> _Event:
        if waits := wait and bool(self._served) and not applications.is_handling():
            refuse_in_loop(call)
        event = dict(self._control.call("POST", "/inbound", {"instance": self._instance, **body})["event"])
        if waits:
            self.settle()
        return event

    def _address(self, host: str | None, shown: str | None) -> tuple[str, str]:
        """Return the address to listen on for the emulator, and the name by which that reaches it."""
        name = shown or self.host
        if not (self._here or host or name):
            parts = urlsplit(self.url)
            family, *_, there = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as sends_nothing:
                sends_nothing.connect(there)
                host = str(sends_nothing.getsockname()[0])
            if hosts.is_loopback(host):
                in_container = self._control.call("GET", "/health").get("in_container") and not hosts.is_in_container()
                host, name = (_ALL, "host.docker.internal") if in_container else (None, None)
        host = host or (_ALL if self.host else "127.0.0.1")
        return host, name or (f"[{host}]" if ":" in host else host)

    def _wait_for(self, model: type[_Model], name: str, match: Any, within: float, since: _Since) -> _Model:
        refuse_in_loop(f"expect_{model.__name__.lower()}")
        wanted, event = models.matcher(match), models.event_number(since)
        body = {"match": wanted, "timeout": models.wait_seconds(within), "since": event}
        said = f"no {model.__name__.lower()}{_match_text(match)} within {within:g} s"
        found = self._call(f"{name}/wait", body, said, kind=name, match=json.dumps(wanted))
        return models.read(model, found[name][0])

    def _call(self, path: str, body: Mapping[str, Any], said: str = "", **query: Any) -> Any:
        try:
            return self._control.call("POST", f"/{path}", body)
        except ControlPlaneError as refused:
            if refused.code not in ("timeout", "not_verified", "evicted"):
                raise
            problem = said or str(refused)
        raise self._failed(problem, **query)

    def _failed(self, problem: str, **query: Any) -> ExpectationFailed:
        served = "" if self._here else "".join(f"webhook_app serves {url}\n" for url in self._served)
        return ExpectationFailed(f"{problem}\n{served}{self._report(**query)}")

    def _report(self, **query: Any) -> str:
        text, _ = self._control.fetch("/transcript", strays_since=self._elsewhere, **query)
        return text.decode()

    def _search(self, model: type[_Model], name: str, match: Mapping[str, Any]) -> list[_Model]:
        found = self._control.call("POST", f"/{name}/search", {"match": models.matcher(match)})[name]
        return [models.read(model, one) for one in found]


def _match_text(match: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name}={value!r}" for name, value in match.items() if name != "direction")
    return said and f" like {said}"
