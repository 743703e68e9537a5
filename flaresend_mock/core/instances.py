"""The phones linked to Flaresend."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from flaresend_mock.core.chance import lasting
from flaresend_mock.core.errors import InstanceNotFound, NotReady
from flaresend_mock.core.records import Change, Instance, Webhook

if TYPE_CHECKING:
    from flaresend_mock.core.world import World


class Instances:
    """The instances of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, instance_id: str) -> Instance:
        return self._world.state.instances[instance_id]

    def find(self, instance_id: str | None) -> Instance:
        """Return the instance with this id; None and "default" name the first one.

        Raises:
            InstanceNotFound: there is none.
        """
        if instance_id in (None, "default"):
            return self.first()
        instance = self._world.state.instances.get(str(instance_id))
        if instance is None:
            raise InstanceNotFound
        return instance

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
            self._world.tell("webhook", Change("set" if webhook else "removed", instance.id))
            return instance

    def first(self) -> Instance:
        """Return the instance a world is about when nobody says which."""
        return next(iter(self._world.state.instances.values()))

    def with_key(self, api_key: str) -> Instance | None:
        """Return the instance this API key belongs to."""
        for instance in self._world.state.instances.values():
            if api_key in instance.api_keys:
                return instance
        return None

    def masked(self, text: str) -> str:
        """Return a text without the API keys of this world in it."""
        for instance in self._world.state.instances.values():
            for key in instance.api_keys:
                text = text.replace(key, "***") if key in text else text
        return text

    def require_ready(self, instance_id: str) -> Instance:
        """Return the instance if its phone is connected.

        Raises:
            NotReady: it is not.
        """
        instance = self.get(instance_id)
        if instance.status != "connected":
            raise NotReady(instance.status)
        return instance

    def set_status(self, instance_id: str, status: str) -> Instance:
        """Change what the phone is doing; `status` is one of INSTANCE_STATUSES."""
        with self._world.lock:
            instance = replace(self.get(instance_id), status=status)
            self._world.state.instances[instance_id] = instance
            self._world.tell("instance", Change("status", instance_id, {"status": status}))
            return instance


def instance_id(seed: int, number: str) -> str:
    """Return the id an instance gets that is given none: a UUID of version 4, from its number and the seed."""
    return str(UUID(bytes=lasting(seed, "instance", number)[:16], version=4))
