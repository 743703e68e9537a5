"""What an export made without secrets hides, and where an import takes it from again."""

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
    """Return an instance without its keys and its webhook's secrets."""
    webhook = instance.webhook
    if webhook is not None:
        webhook = replace(webhook, secret=_hidden(webhook.secret), verify_token=_hidden(webhook.verify_token))
    return replace(instance, api_keys=tuple(MASK for _ in instance.api_keys), webhook=webhook)


def hide_in_fault(fault: Fault) -> Fault:
    """Return a fault without the API key that it is about."""
    if fault.match.get("key") is None:
        return fault
    return replace(fault, match={**fault.match, "key": MASK})


def find_for_instances(
    instances: Iterable[Instance], origin: str, known: State | None
) -> tuple[tuple[Instance, ...], list[str]]:
    """Return instances with what was hidden: as it is in `known`, else with keys made from the origin, and no secrets.

    The second value says what is missing.
    """
    found = []
    warnings: list[str] = []
    for instance in instances:
        former = known.instances.get(instance.id) if known else None
        keys = former.api_keys if former else ()
        api_keys = tuple(
            key if key != MASK else keys[n] if n < len(keys) else _made_key(origin, instance.id, n)
            for n, key in enumerate(instance.api_keys)
        )
        made = len(set(api_keys) - set(instance.api_keys) - set(keys))
        if made:
            warnings.append(f"instance {instance.id} has {made} new API key(s): {_WITHOUT}")
        webhook = instance.webhook
        if webhook is not None:
            webhook = _find_for_webhook(webhook, former.webhook if former else None, instance.id, warnings)
        found.append(replace(instance, api_keys=api_keys, webhook=webhook))
    return tuple(found), warnings


def find_for_faults(faults: Iterable[Fault], known: State | None) -> tuple[tuple[Fault, ...], list[str]]:
    """Return faults with the keys they are about, as they are in `known`, and which ones had to be left out."""
    found = []
    warnings = []
    for fault in faults:
        if fault.match.get("key") != MASK:
            found.append(fault)
            continue
        former = known.faults.get(fault.id) if known else None
        key = former.match.get("key") if former else None
        if key is None:
            warnings.append(f"the fault {fault.id} is left out, as it is about an API key: {_WITHOUT}")
        else:
            found.append(replace(fault, match={**fault.match, "key": key}))
    return tuple(found), warnings


def _find_for_webhook(
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


def _hidden(secret: str | None) -> str | None:
    return None if secret is None else MASK


def _made_key(origin: str, instance_id: str, position: int) -> str:
    material = lasting(0, f"api key {origin}", f"{instance_id}:{position}")[:_KEY_LENGTH]
    return "fm_" + "".join(_ALPHANUMERIC[byte % len(_ALPHANUMERIC)] for byte in material)
