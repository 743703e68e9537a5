"""The test kit: a pytest plugin, and the client behind its fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaresend_mock.testing.calls import Refused, Unreachable
    from flaresend_mock.testing.client import Flaresend
    from flaresend_mock.testing.clock import Clock
    from flaresend_mock.testing.explaining import Unmet
    from flaresend_mock.testing.handles import Fault, Instance, Snapshot
    from flaresend_mock.testing.inbox import Inbox, Received
    from flaresend_mock.testing.records import Delivery, Message, Request, Scheduled
    from flaresend_mock.testing.server import Server, serving
else:
    _HOMES = {
        "calls": ("Refused", "Unreachable"),
        "client": ("Flaresend",),
        "clock": ("Clock",),
        "explaining": ("Unmet",),
        "handles": ("Fault", "Instance", "Snapshot"),
        "inbox": ("Inbox", "Received"),
        "records": ("Delivery", "Message", "Request", "Scheduled"),
        "server": ("Server", "serving"),
    }

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is: every run of pytest imports this package, to find the plugin."""
        for home, names in _HOMES.items():
            if name in names:
                from importlib import import_module

                return getattr(import_module(f"{__name__}.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Clock",
    "Delivery",
    "Fault",
    "Flaresend",
    "Inbox",
    "Instance",
    "Message",
    "Received",
    "Refused",
    "Request",
    "Scheduled",
    "Server",
    "Snapshot",
    "Unmet",
    "Unreachable",
    "serving",
]
