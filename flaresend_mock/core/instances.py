"""Instances: the phones linked to Flaresend, their API keys and their webhooks, and how they are paired.

Pairing: an instance initializes, shows a QR code, is scanned by a phone, and connects. Assumed: the documentation names
the steps but not how long they take. Each takes a second of the world's clock, so that a frozen clock shows every
status, and advancing it moves on.
"""

from collections import ChainMap
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

from flaresend_mock.core import errors, randomness, redaction, time_travel
from flaresend_mock.core.models import Change, Instance, QrCode, Webhook
from flaresend_mock.core.people import People
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.store import Store

Text = str | None

MAX_KEYS = 100
PAIRING = "pairing"
STEP = timedelta(seconds=1)
QR_LIFETIME = timedelta(seconds=60)
LINKED = ("connecting", "connected")  # an instance keeps the code that was scanned: its page can be opened again
_CODE_LENGTH = 40


class Pairing:
    """Moves the instances of a world from `disconnected` over `initializing`, `qr` and `connecting` to `connected`."""

    def __init__(self, store: Store, people: People) -> None:
        self._store, self._people = store, people

    def reconnect(self, instance_id: str | None) -> Instance:
        """Start pairing a disconnected instance; it shows a QR code a second later."""
        with self._store.lock:
            instance = self._store.state.find_instance(instance_id)
            errors.require(instance.status == "disconnected", errors.AlreadyConnected, instance.status)
            return self.start(instance)

    def start(self, instance: Instance) -> Instance:
        """Take the first step of pairing. The caller holds the lock."""
        return self._step(instance, "initializing", STEP)

    def set_status(self, instance_id: str | None, status: str) -> Instance:
        """Put an instance into a status at once, where it stays until it is changed again."""
        with self._store.lock:
            return self._step(self._store.state.find_instance(instance_id), status)

    def disconnect(self, instance_id: str | None, *, log_out: bool = False) -> Instance:
        """Disconnect an instance from its phone; once it is logged out, another phone may scan its next QR code."""
        with self._store.lock:
            instance = self._store.state.find_instance(instance_id)
            return self._step(replace(instance, logged_out=log_out or instance.logged_out), "disconnected")

    def change_settings(self, **changes: Any) -> None:
        """Change settings of the world. A QR code that is shown already is shown from now as they say."""
        store = self._store
        with store.lock:
            store.state.settings = replace(store.state.settings, **changes)
            if changes.keys() & {"pairing_seconds", "qr_codes"}:
                for instance in store.state.instances.values():
                    if instance.status == "qr":
                        self._continue_after(instance, self._shown_for()[0])
            store.record("world", Change("settings", store.name, changes))

    def qr(self, instance_id: str | None) -> tuple[Instance, QrCode]:
        """Return an instance and the QR code it shows: a new code whenever the former has expired."""
        store = self._store
        with store.lock:
            instance = store.state.find_instance(instance_id)
            errors.require(instance.status == "qr", errors.NoQrCode, instance.status)
            if instance.qr is None or instance.qr.expires <= store.clock.now():
                instance = self._put(replace(instance, qr=self._new_code()))
            assert instance.qr is not None
            return instance, instance.qr

    def with_code(self, code: str) -> Instance | None:
        """Return the instance that shows this code, or was linked by it."""
        instances, now = list(self._store.state.instances.values()), self._store.clock.now()
        shown = (one for one in instances if one.qr is not None and one.qr.code == code)
        return next((one for one in shown if one.status in LINKED or (one.qr and one.qr.expires > now)), None)

    def scan(self, instance_id: str | None, code: str | None = None, number: str | None = None) -> Instance:
        """Scan the code that is shown, or this one, with the instance's number or, after a logout, with another one."""
        with self._store.lock:
            instance = self._store.state.find_instance(instance_id)
            errors.require(instance.status == "qr", errors.NoQrCode, instance.status)
            errors.require(code is None or self.with_code(code) is instance, errors.QrCodeExpired)
            return self._link(instance, instance.number if number is None else self._people.phone(number))

    def continue_pairing(self, instance_id: str) -> time_travel.Fired:
        """Take the next step, whose timer was due. The caller holds the lock."""
        instance = self._store.state.instances[instance_id]
        match instance.status:
            case "initializing":
                instance = self._step(instance, "qr", self._shown_for()[0])
            case "qr" if self._shown_for()[1]:
                instance = self._link(instance, instance.number)
            case "qr":
                instance = self._step(instance, "disconnected")
            case _:
                instance = self._step(instance, "connected")
        return time_travel.Fired(self._store.clock.now(), PAIRING, instance_id, instance.status)

    def _link(self, instance: Instance, number: str) -> Instance:
        if number != instance.number:
            errors.require(instance.logged_out, errors.AnotherPhone)
            errors.require(not self._people.is_linked(number), errors.NumberInUse)
            self._people.require_room([number])
            self._people.add(replace(self._people.meet(number), on_whatsapp=True))
        return self._step(replace(instance, number=number, logged_out=False), "connecting", STEP)

    def _step(self, instance: Instance, status: str, until_next: timedelta | None = None) -> Instance:
        qr = self._new_code() if status == "qr" else instance.qr if status in LINKED else None
        logged_out = instance.logged_out and status != "connected"
        self._continue_after(instance, until_next)
        return self._put(replace(instance, status=status, qr=qr, logged_out=logged_out))

    def _shown_for(self) -> tuple[timedelta | None, bool]:
        """Return how long an instance shows QR codes, and whether the last one is scanned then, or expires."""
        settings = self._store.state.settings
        scanned = None if settings.pairing_seconds is None else timedelta(seconds=settings.pairing_seconds)
        expires = None if settings.qr_codes is None else settings.qr_codes * QR_LIFETIME
        is_scanned = scanned is not None and (expires is None or scanned < expires)
        return (scanned, True) if is_scanned else (expires, False)

    def _continue_after(self, instance: Instance, wait: timedelta | None) -> None:
        self._store.state.timers.cancel(PAIRING, instance.id)
        if wait is not None:
            self._store.set_timer(self._store.clock.now() + wait, PAIRING, instance.id)

    def _new_code(self) -> QrCode:
        shown = {one.qr.code for one in self._store.state.instances.values() if one.qr}
        code = self._store.random.letters(f"qr {self._store.name}", _CODE_LENGTH, str, shown)
        return QrCode(code, self._store.clock.now() + QR_LIFETIME)

    def _put(self, instance: Instance) -> Instance:
        return self._store.put("instance", instance, "status", {"status": instance.status})


class Instances:
    """The instances of a world."""

    def __init__(self, store: Store, people: People, pairing: Pairing) -> None:
        self._store, self._people, self._pairing = store, people, pairing

    def all(self) -> list[Instance]:
        """Return all instances, oldest first."""
        return list(self._store.state.instances.values())

    def find(self, instance_id: str | None) -> Instance:
        """Return the instance with this id; None and "default" name the first one."""
        return self._store.state.find_instance(instance_id)

    def first(self) -> Instance:
        return self._store.state.find_instance(None)

    def with_key(self, api_key: str) -> Instance | None:
        for instance in list(self._store.state.instances.values()):  # no generator: every call passes here
            if api_key in instance.api_keys:
                return instance
        return None

    def require_ready(self, instance_id: str) -> Instance:
        """Return the instance, if its phone is connected."""
        if (instance := self._store.state.instances.get(instance_id)) is None:
            raise errors.InstanceNotFound
        if instance.status != "connected":
            raise errors.NotReady(instance.status)
        return instance

    def create(
        self, *, name: str = "", number: Text = None, lid: Text = None, status: Text = None, api_key: Text = None
    ) -> Instance:
        """Create an instance; without a `status` it initializes, and shows a QR code a second later."""
        store = self._store
        with store.lock:
            store.require_room("instances")
            given = "" if number is None else self._people.phone(number)
            errors.require(not self._people.is_linked(given), errors.NumberInUse)
            if lid is not None:
                self._people.require_free_lid(lid, given)
            errors.require(api_key is None or self._is_free(api_key), errors.KeyInUse)
            store.require_room("people", given not in store.state.people)
            used = ChainMap[str, Any](store.state.people, store.state.aliases)
            digits = given or store.random.digits("instance number", 8, "2547{}".format, used)
            ids = (instance_id(store.state.seed, digits if n == 1 else f"{digits}-{n}") for n in count(1))
            id_ = next(id_ for id_ in ids if id_ not in store.state.instances)  # another may have had the number before
            person = self._people.meet(digits)
            self._people.add(replace(person, lid=lid or person.lid, name=person.name or name, on_whatsapp=True))
            instance = Instance(id_, digits, name, status or "initializing", (api_key,) if api_key is not None else ())
            self._store.put("instance", instance, "created", {"number": digits, "name": name})
            return instance if status else self._pairing.start(instance)

    def rename(self, instance_id: str | None, name: str) -> Instance:
        with self._store.lock:
            self._store.require_room("instances", 0)
            return self._store.put("instance", replace(self.find(instance_id), name=name), "renamed", {"name": name})

    def set_webhook(self, instance_id: str | None, webhook: Webhook | None) -> Instance:
        """Set an instance's webhook or, with None, remove it. A paused webhook stays paused."""
        with self._store.lock:
            instance = self.find(instance_id)
            self._store.require_room("instances", 0)
            if webhook is not None and (former := instance.webhook) is not None:
                webhook = replace(webhook, paused=former.paused, failures=former.failures)
            self._store.state.instances[instance.id] = instance = replace(instance, webhook=webhook)
            self._store.record("webhook", Change("set" if webhook else "removed", instance.id))
            return instance

    def add_key(self, instance_id: str | None, key: str | None = None) -> str:
        """Add an API key to an instance, a new one if none is given, and return it."""
        with self._store.lock:
            instance = self.find(instance_id)
            if len(instance.api_keys) >= MAX_KEYS:
                raise errors.TooMany(f"an instance has at most {MAX_KEYS} API keys; revoke some")
            self._store.require_room("instances", 0)
            used = {known for one in self.all() for known in one.api_keys}
            made = key or self._store.random.letters(f"api key {self._store.name}", 32, "fm_{}".format, used)
            errors.require(self._is_free(made), errors.KeyInUse)
            keys = (*instance.api_keys, made)
            self._store.put("instance", replace(instance, api_keys=keys), "key made", {"key": key_id(made)})
            return made

    def revoke_key(self, instance_id: str | None, wanted: str) -> None:
        """Revoke an API key, named by its id."""
        with self._store.lock:
            instance = self.find(instance_id)
            left = tuple(key for key in instance.api_keys if key_id(key) != wanted)
            errors.require(len(left) < len(instance.api_keys), errors.KeyNotFound)
            self._store.put("instance", replace(instance, api_keys=left), "key revoked", {"key": wanted})

    def give_up_keys(self) -> None:
        """Drop the API keys that another world got meanwhile. The caller holds the lock."""
        store = self._store
        taken = store.host.taken_keys({key for instance in self.all() for key in instance.api_keys}, store)
        for instance in self.all():
            keys = tuple(key for key in instance.api_keys if key not in taken)
            for key in [key for key in instance.api_keys if key in taken]:
                self._store.put("instance", replace(instance, api_keys=keys), "key given up", {"key": key_id(key)})

    def masked(self, text: str) -> str:
        """Return a path or a query without the API keys of this world in it."""
        is_encoded = "%" in text
        plain = redaction.decoded(text) if is_encoded else ""  # a pattern takes long to make
        for instance in list(self._store.state.instances.values()):
            for key in instance.api_keys:
                if key in text or (is_encoded and redaction.may_hold(key, plain)):
                    text = redaction.pattern_of(key).sub(redaction.MASK, text)
        return text

    def has_key_in(self, value: object) -> bool:
        """Tell whether a JSON value contains an API key of this world that is too long to be there by chance."""
        return redaction.has_key(value, [key for instance in self.all() for key in instance.api_keys])

    def _is_free(self, key: str) -> bool:
        return self.with_key(key) is None and not self._store.host.taken_keys({key}, self._store)


def instance_id(seed: int, number: str) -> str:
    """Return the default id of an instance: a UUID of version 4, derived from its number and the seed."""
    return str(UUID(bytes=randomness.lasting(seed, "instance", number)[:16], version=4))
