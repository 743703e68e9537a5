"""Instances: the phones linked to Flaresend, their API keys and their webhooks."""

from dataclasses import replace
from itertools import count
from uuid import UUID

from flaresend_mock.core import errors, redaction
from flaresend_mock.core.models import Change, Instance, Webhook
from flaresend_mock.core.pairing import Pairing
from flaresend_mock.core.people import People
from flaresend_mock.core.randomness import lasting
from flaresend_mock.core.redaction import key_id
from flaresend_mock.core.store import Store

MAX_INSTANCES = 1000
MAX_KEYS = 100


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
        self,
        *,
        name: str = "",
        number: str | None = None,
        lid: str | None = None,
        status: str | None = None,
        api_key: str | None = None,
    ) -> Instance:
        """Create an instance; without a `status` it initializes, and shows a QR code a second later."""
        store = self._store
        with store.lock:
            if len(store.state.instances) >= MAX_INSTANCES:
                raise errors.TooMany(f"a world has at most {MAX_INSTANCES} instances; remove some")
            digits = self._unused_number() if number is None else self._people.phone(number)
            errors.require(not self._people.is_linked(digits), errors.NumberInUse)
            id_ = self._unused_id(digits)
            if lid is not None:
                self._people.require_free_lid(lid, digits)
            errors.require(api_key is None or self._is_free(api_key), errors.KeyInUse)
            person = self._people.meet(digits)
            self._people.add(replace(person, lid=lid or person.lid, name=person.name or name, on_whatsapp=True))
            instance = Instance(id_, digits, name, status or "initializing", (api_key,) if api_key is not None else ())
            self._store.put("instance", instance, "created", {"number": digits, "name": name})
            return instance if status else self._pairing.start(instance)

    def rename(self, instance_id: str | None, name: str) -> Instance:
        with self._store.lock:
            return self._store.put("instance", replace(self.find(instance_id), name=name), "renamed", {"name": name})

    def set_webhook(self, instance_id: str | None, webhook: Webhook | None) -> Instance:
        """Set an instance's webhook or, with None, remove it. A paused webhook stays paused."""
        with self._store.lock:
            instance = self.find(instance_id)
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
            made = key or "fm_" + self._store.random.letters(f"api key {self._store.name}", 32)
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
        for instance in self.all():
            keys = tuple(key for key in instance.api_keys if store.host.key_is_free(key, store))
            for key in [key for key in instance.api_keys if key not in keys]:
                self._store.put("instance", replace(instance, api_keys=keys), "key given up", {"key": key_id(key)})

    def masked(self, text: str) -> str:
        """Return a path or a query without the API keys of this world in it."""
        for instance in list(self._store.state.instances.values()):
            for key in instance.api_keys:
                if key in text or "%" in text:
                    text = redaction.pattern_of(key).sub(redaction.MASK, text)
        return text

    def has_key_in(self, value: object) -> bool:
        """Tell whether a JSON value contains an API key of this world that is too long to be there by chance."""
        return redaction.has_key(value, [key for instance in self.all() for key in instance.api_keys])

    def _is_free(self, key: str) -> bool:
        return self.with_key(key) is None and self._store.host.key_is_free(key, self._store)

    def _unused_id(self, number: str) -> str:
        """Return the id of a number, or the next one if an instance that changed its number has that."""
        state = self._store.state
        names = (number if n == 1 else f"{number}-{n}" for n in count(1))
        return next(id_ for id_ in (instance_id(state.seed, name) for name in names) if id_ not in state.instances)

    def _unused_number(self) -> str:
        state = self._store.state
        drawn = iter(lambda: "2547" + self._store.random.digits("instance number", 8), "")
        return next(number for number in drawn if number not in state.people and number not in state.aliases)


def instance_id(seed: int, number: str) -> str:
    """Return the default id of an instance: a UUID of version 4, derived from its number and the seed."""
    return str(UUID(bytes=lasting(seed, "instance", number)[:16], version=4))
