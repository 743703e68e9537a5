"""The phones linked to Flaresend."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flaresend_mock.core import numbers
from flaresend_mock.core.errors import (
    InstanceNotFound,
    InvalidNumber,
    KeyInUse,
    KeyNotFound,
    LastInstance,
    LidInUse,
    NotReady,
    NumberInUse,
    TooMany,
)
from flaresend_mock.core.models import Change, Instance, Webhook
from flaresend_mock.core.pairing import PAIRING
from flaresend_mock.core.randomness import lasting
from flaresend_mock.core.redaction import MASK

if TYPE_CHECKING:
    from flaresend_mock.core.world import World


MAX_INSTANCES = 1000
MAX_KEYS = 100
LONG_KEY = 12


class Instances:
    """The instances of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, instance_id: str) -> Instance:
        """Return the instance with this id.

        Raises:
            InstanceNotFound: there is none, or no longer.
        """
        instance = self._world.state.instances.get(instance_id)
        if instance is None:
            raise InstanceNotFound
        return instance

    def all(self) -> list[Instance]:
        with self._world.lock:
            return list(self._world.state.instances.values())

    def find(self, instance_id: str | None) -> Instance:
        """Return the instance with this id; None and "default" name the first one.

        Raises:
            InstanceNotFound: there is none.
        """
        if instance_id in (None, "default"):
            return self.first()
        return self.get(str(instance_id))

    def create(
        self,
        *,
        name: str = "",
        number: str | None = None,
        lid: str | None = None,
        status: str | None = None,
        api_key: str | None = None,
    ) -> Instance:
        """Make an instance; without a `status` it starts up, and shows a QR code a second later.

        Raises:
            InvalidNumber: `number` is not a phone number.
            NumberInUse: it is linked to another instance.
            LidInUse: the LID belongs to somebody else.
            KeyInUse: the API key belongs to another instance.
            TooMany: there are as many instances as there may be.
        """
        world = self._world
        with world.lock:
            if len(world.state.instances) >= MAX_INSTANCES:
                raise TooMany(f"a world has at most {MAX_INSTANCES} instances; remove some")
            digits = self._unused_number() if number is None else numbers.parse(number)
            if digits is None:
                raise InvalidNumber
            if any(digits == one.number for one in self.all()):
                raise NumberInUse
            id_ = self._unused_id(digits)
            if lid is not None and world.state.lids.get(lid, digits) != digits:
                raise LidInUse
            if api_key is not None and not self._is_free(api_key):
                raise KeyInUse
            person = world.people.meet(digits)
            world.people.add(
                replace(person, lid=lid or person.lid, name=person.name or name, on_whatsapp=True)
            )
            instance = Instance(
                id=id_,
                number=digits,
                name=name,
                status=status or "initializing",
                api_keys=(api_key,) if api_key is not None else (),
            )
            world.state.instances[id_] = instance
            world.record("instance", Change("created", id_, {"number": digits, "name": name}))
            return instance if status else world.pairing.start(instance)

    def rename(self, instance_id: str | None, name: str) -> Instance:
        """Give an instance another name.

        Raises:
            InstanceNotFound: there is no such instance.
        """
        with self._world.lock:
            instance = replace(self.find(instance_id), name=name)
            self._world.state.instances[instance.id] = instance
            self._world.record("instance", Change("renamed", instance.id, {"name": name}))
            return instance

    def remove(self, instance_id: str) -> None:
        """Remove an instance: what it scheduled is cancelled, what is on its way to its webhook is not delivered.

        Raises:
            InstanceNotFound: there is no such instance.
            LastInstance: it is the only one.
        """
        world = self._world
        with world.lock:
            instance = self.get(instance_id)
            if len(world.state.instances) == 1:
                raise LastInstance
            for task in world.schedule.pending(instance.id):
                world.schedule.cancel(instance.id, task.id)
            world.inbound.forget(instance.id)
            world.deliveries.forget(instance.id)
            world.state.timers.cancel(PAIRING, instance.id)
            del world.state.instances[instance.id]
            world.record("instance", Change("removed", instance.id))

    def add_key(self, instance_id: str | None, key: str | None = None) -> str:
        """Make another API key for an instance, or give it this one, and return it.

        Raises:
            InstanceNotFound: there is no such instance.
            KeyInUse: somebody has this key.
            TooMany: the instance has as many keys as it may have.
        """
        world = self._world
        with world.lock:
            instance = self.find(instance_id)
            if len(instance.api_keys) >= MAX_KEYS:
                raise TooMany(f"an instance has at most {MAX_KEYS} API keys; revoke some")
            made = key or "fm_" + world.random.letters(f"api key {world.name}", 32)
            if not self._is_free(made):
                raise KeyInUse
            world.state.instances[instance.id] = replace(instance, api_keys=(*instance.api_keys, made))
            world.record("instance", Change("key made", instance.id, {"key": key_id(made)}))
            return made

    def revoke_key(self, instance_id: str | None, wanted: str) -> None:
        """Revoke an API key, named by its id.

        Raises:
            InstanceNotFound: there is no such instance.
            KeyNotFound: it has no such key.
        """
        with self._world.lock:
            instance = self.find(instance_id)
            left = tuple(key for key in instance.api_keys if key_id(key) != wanted)
            if len(left) == len(instance.api_keys):
                raise KeyNotFound
            self._world.state.instances[instance.id] = replace(instance, api_keys=left)
            self._world.record("instance", Change("key revoked", instance.id, {"key": wanted}))

    def give_up_keys(self) -> None:
        """Leave API keys that another world was given meanwhile to it. The caller holds the lock."""
        world = self._world
        for instance in self.all():
            keys = tuple(key for key in instance.api_keys if world.host.key_is_free(key, world))
            if len(keys) < len(instance.api_keys):
                world.state.instances[instance.id] = replace(instance, api_keys=keys)
                for key in set(instance.api_keys) - set(keys):
                    world.record("instance", Change("key given up", instance.id, {"key": key_id(key)}))

    def _is_free(self, key: str) -> bool:
        return self.with_key(key) is None and self._world.host.key_is_free(key, self._world)

    def _unused_id(self, number: str) -> str:
        """Return the id that belongs to a number, or the next one where an instance that left the number has it."""
        state = self._world.state
        names = (number if n == 1 else f"{number}-{n}" for n in count(1))
        return next(
            id_ for id_ in (instance_id(state.seed, name) for name in names) if id_ not in state.instances
        )

    def _unused_number(self) -> str:
        while True:
            number = "2547" + self._world.random.digits("instance number", 8)
            if number not in self._world.state.people:
                return number

    def set_webhook(self, instance_id: str | None, webhook: Webhook | None) -> Instance:
        """Set or, with None, take away where an instance's events go.

        Raises:
            InstanceNotFound: there is no such instance.
        """
        with self._world.lock:
            former = self.find(instance_id)
            if (
                webhook is not None and former.webhook is not None
            ):  # what is paused stays so until it is resumed
                webhook = replace(webhook, paused=former.webhook.paused, failures=former.webhook.failures)
            instance = replace(former, webhook=webhook)
            self._world.state.instances[instance.id] = instance
            self._world.record("webhook", Change("set" if webhook else "removed", instance.id))
            return instance

    def first(self) -> Instance:
        """Return the instance a world is about when nobody says which."""
        return next(iter(list(self._world.state.instances.values())))  # others come and go meanwhile

    def with_key(self, api_key: str) -> Instance | None:
        """Return the instance this API key belongs to."""
        for instance in list(self._world.state.instances.values()):
            if api_key in instance.api_keys:
                return instance
        return None

    def masked(self, text: str) -> str:
        """Return a path or a query without the API keys of this world in it.

        A key may be any text: a short one is masked only where it is a whole part, between slashes and signs.
        """
        for instance in list(self._world.state.instances.values()):
            for key in instance.api_keys:
                if key in text or "%" in text:
                    text = _written(key).sub(MASK, text)
        return text

    def has_key_in(self, value: Any) -> bool:
        """Tell whether an API key of this world, one that is too long to be there by chance, is in a JSON value."""
        if isinstance(value, str):
            return any(
                len(key) >= LONG_KEY and key in value for instance in self.all() for key in instance.api_keys
            )
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return isinstance(inner, list) and any(map(self.has_key_in, inner))

    def require_ready(self, instance_id: str) -> Instance:
        """Return the instance if its phone is connected.

        Raises:
            NotReady: it is not.
        """
        instance = self.get(instance_id)
        if instance.status != "connected":
            raise NotReady(instance.status)
        return instance


@lru_cache(maxsize=1024)
def _written(key: str) -> re.Pattern[str]:
    """Return what finds an API key in a path or a query, with any of its characters percent-encoded."""
    pattern = "".join(map(_character, key))
    return re.compile(pattern if len(key) >= LONG_KEY else rf"(?<![^/&=?\s\"']){pattern}(?![^/&=\s\"'])")


def _character(character: str) -> str:
    digits = "".join(f"[{digit}{digit.lower()}]" for digit in f"{ord(character):02X}")
    return f"(?:{re.escape(character)}|%{digits})"


def key_id(key: str) -> str:
    """Return what an API key is called where it must not be shown: the start of its SHA-256, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def instance_id(seed: int, number: str) -> str:
    """Return the id an instance gets that is given none: a UUID of version 4, from its number and the seed."""
    return str(UUID(bytes=lasting(seed, "instance", number)[:16], version=4))
