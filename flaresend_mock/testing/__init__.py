"""The test kit: a pytest plugin, and the client behind its fixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaresend_mock.testing.calls import ControlPlaneError, EmulatorUnreachable
    from flaresend_mock.testing.client import Flaresend
    from flaresend_mock.testing.clock import Clock
    from flaresend_mock.testing.failure_report import ExpectationFailed
    from flaresend_mock.testing.handles import Fault, Instance, Snapshot
    from flaresend_mock.testing.models import Delivery, Message, Request, Scheduled
    from flaresend_mock.testing.server import Server, serving
    from flaresend_mock.testing.webhook_receiver import Received, WebhookReceiver
else:
    _HOMES = {
        "calls": ("ControlPlaneError", "EmulatorUnreachable"),
        "client": ("Flaresend",),
        "clock": ("Clock",),
        "failure_report": ("ExpectationFailed",),
        "handles": ("Fault", "Instance", "Snapshot"),
        "webhook_receiver": ("WebhookReceiver", "Received"),
        "models": ("Delivery", "Message", "Request", "Scheduled"),
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
    "ControlPlaneError",
    "Delivery",
    "EmulatorUnreachable",
    "ExpectationFailed",
    "Fault",
    "Flaresend",
    "Instance",
    "Message",
    "Received",
    "Request",
    "Scheduled",
    "Server",
    "Snapshot",
    "WebhookReceiver",
    "serving",
]
