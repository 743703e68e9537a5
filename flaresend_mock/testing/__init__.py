"""The test kit: a pytest plugin, and the client behind its fixture."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaresend_mock.client import ControlPlaneError, EmulatorUnreachable
    from flaresend_mock.testing.aio import AsyncFlaresend
    from flaresend_mock.testing.client import ExpectationFailed, Flaresend
    from flaresend_mock.testing.handles import AppURL, Clock, Fault, Instance, Snapshot
    from flaresend_mock.testing.matchers import DeliveryMatch, FaultFields, MessageMatch, Operators, RequestMatch
    from flaresend_mock.testing.models import Attempt, Delivery, Message, Request, Scheduled
    from flaresend_mock.testing.server import Server, serving
    from flaresend_mock.testing.webhook_receiver import Received, WebhookReceiver

__all__ = ["AppURL", "AsyncFlaresend", "Attempt", "Clock", "ControlPlaneError", "Delivery", "DeliveryMatch"]
__all__ += ["EmulatorUnreachable", "ExpectationFailed", "Fault", "FaultFields", "Flaresend", "Instance", "Message"]
__all__ += ["MessageMatch", "Operators", "Received", "Request", "RequestMatch", "Scheduled", "Server", "Snapshot"]
__all__ += ["WebhookReceiver", "serving"]

_MODULES = ("client", "handles", "matchers", "models", "server", "webhook_receiver", "aio")  # aio imports asyncio


def __getattr__(name: str) -> Any:
    """Import the kit when a test uses it. Every run of pytest imports this package, and the kit takes 40 ms."""
    if name in __all__:
        modules = (import_module(f"{__name__}.{one}") for one in _MODULES)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
