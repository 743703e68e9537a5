"""What the calls of the control plane may be told: an example for each, which the default world takes as it is."""

from __future__ import annotations

from typing import Any

_MATCH = {"number": "254712345678"}

BODIES: dict[str, Any] = {
    "worlds.create": {"name": "checkout", "fixture": "default", "seed": 7},
    "world.import_world": {
        "version": 1,
        "instances": [{"number": "254708920430", "name": "Shop", "status": "connected"}],
    },
    "world.change": {"pairing_seconds": 5},
    "instances.create": {"name": "Second phone", "number": "254700111222"},
    "instances.rename": {"name": "Front desk"},
    "instances.set_status": {"status": "disconnected"},
    "instances.scan": {},
    "instances.make_key": {"api_key": None},
    "people.put": {"name": "Ann", "rules": [{"when": "price", "reply": "Too much!", "after": 2}]},
    "groups.create": {"subject": "Weekend hikers", "participants": ["254712345678", "254723456789"]},
    "groups.change_group": {"subject": "Weekend runners", "announce": True},
    "groups.arrange_participants": {"action": "add", "participants": ["254799000111"]},
    "channels.create": {
        "name": "Fresh from the oven",
        "description": "Every morning at 8",
        "subscribers": 1200,
    },
    "channels.change_channel": {"description": "Every morning at 7", "role": "ADMIN"},
    "webhooks.put": {
        "url": "http://127.0.0.1:8000/webhook",
        "secret": "a-secret",  # an example  # nosec B105
        "retries": [1, 5, 30],
    },
    "webhooks.resume": {"replay": True},
    "inbound.inbound": {"from": "254712345678", "text": "Hello!"},
    "evidence.search": {"match": {}, "limit": 10},
    "evidence.wait": {"match": {}, "count": 1, "timeout": 5},
    "evidence.verify": {"match": {}, "at_least": 1},
    "deliveries.redeliver_many": {"status": "failed"},
    "clock.change": {"now": "2025-11-14T10:00:00Z", "frozen": True},
    "clock.advance": {"seconds": 3600},
    "faults.arm": {"match": _MATCH, "respond": {"status": 503}, "times": 2},
}
"""By the name of the view."""
