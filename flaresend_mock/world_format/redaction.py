"""Hides the API keys and secrets of a world that is exported without them, and restores them on import."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import replace

from flaresend_mock.core.models import Fault, Instance, Webhook
from flaresend_mock.core.randomness import lasting
from flaresend_mock.core.redaction import MASK
from flaresend_mock.core.state import State

_ALPHANUMERIC = string.ascii_letters + string.digits
_KEY_LENGTH = 32
_WITHOUT = "the export was made without secrets"


def hide_in_instance(instance: Instance) -> Instance:
    """Return an instance without its API keys and its webhook's secrets."""
    webhook = instance.webhook
    if webhook is not None:
        webhook = replace(webhook, secret=_hidden(webhook.secret), verify_token=_hidden(webhook.verify_token))
    return replace(instance, api_keys=tuple(MASK for _ in instance.api_keys), webhook=webhook)


def hide_in_fault(fault: Fault) -> Fault:
    """Return a fault without the API key that it matches."""
    if fault.match.get("key") is None:
        return fault
    return replace(fault, match={**fault.match, "key": MASK})


def _hidden(secret: str | None) -> str | None:
    return None if secret is None else MASK


def restore_instances(
    instances: Iterable[Instance], origin: str, known: State | None, warnings: list[str]
) -> list[Instance]:
    """Return instances with their API keys and secrets.

    Args:
        origin: keys that `known` does not have are derived from it.
        known: the state that masked keys and secrets are taken from.
        warnings: receives a sentence about each secret that is missing.
    """
    restored = []
    for instance in instances:
        former = known.instances.get(instance.id) if known else None
        keys = former.api_keys if former else ()
        api_keys = tuple(
            key if key != MASK else keys[n] if n < len(keys) else _derived_key(origin, instance.id, n)
            for n, key in enumerate(instance.api_keys)
        )
        derived = len(set(api_keys) - set(instance.api_keys) - set(keys))
        if derived:
            warnings.append(f"instance {instance.id} has {derived} new API key(s): {_WITHOUT}")
        webhook = instance.webhook
        if webhook is not None:
            webhook = _restore_webhook(webhook, former.webhook if former else None, instance.id, warnings)
        restored.append(replace(instance, api_keys=api_keys, webhook=webhook))
    return restored


def _restore_webhook(
    webhook: Webhook, former: Webhook | None, instance_id: str, warnings: list[str]
) -> Webhook:
    secret, verify_token = webhook.secret, webhook.verify_token
    if secret == MASK:
        secret = former.secret if former else None
        if secret is None:
            warnings.append(f"the webhook of instance {instance_id} is unsigned: {_WITHOUT}")
    if verify_token == MASK:
        verify_token = former.verify_token if former else None
        if verify_token is None:
            warnings.append(f"the webhook of instance {instance_id} has no verify token: {_WITHOUT}")
    return replace(webhook, secret=secret, verify_token=verify_token)


def _derived_key(origin: str, instance_id: str, position: int) -> str:
    material = lasting(0, f"api key {origin}", f"{instance_id}:{position}")[:_KEY_LENGTH]
    return "fm_" + "".join(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)] for byte in material)


def restore_faults(faults: Iterable[Fault], known: State | None, warnings: list[str]) -> list[Fault]:
    """Return faults with the API keys that they match, without those whose key is unknown."""
    restored = []
    for fault in faults:
        former = known.faults.get(fault.id) if known else None
        key = former.match.get("key") if former else None
        if fault.match.get("key") != MASK:
            restored.append(fault)
        elif key is not None:
            restored.append(replace(fault, match={**fault.match, "key": key}))
        else:
            warnings.append(f"the fault {fault.id} is left out, as it is about an API key: {_WITHOUT}")
    return restored
