"""The test kit: a pytest plugin, and the client behind its fixture."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flaresend_mock.client import ControlPlaneError, EmulatorUnreachable
    from flaresend_mock.testing.client import ExpectationFailed, Flaresend
    from flaresend_mock.testing.handles import Clock, Fault, Instance, Snapshot
    from flaresend_mock.testing.matchers import DeliveryMatch, FaultFields, MessageMatch, Operators, RequestMatch
    from flaresend_mock.testing.models import Delivery, Message, Request, Scheduled
    from flaresend_mock.testing.server import Server, serving
    from flaresend_mock.testing.webhook_receiver import Received, WebhookReceiver

__all__ = ["Clock", "ControlPlaneError", "Delivery", "EmulatorUnreachable", "ExpectationFailed", "Fault", "Flaresend"]
__all__ += ["Instance", "Message", "Received", "Request", "Scheduled", "Server", "Snapshot", "WebhookReceiver"]
__all__ += ["DeliveryMatch", "FaultFields", "MessageMatch", "Operators", "RequestMatch", "serving"]


def __getattr__(name: str) -> Any:
    """Import the kit when a test uses it. Every run of pytest imports this package, and the kit takes 40 ms."""
    if name in __all__:
        from flaresend_mock.testing import client, handles, matchers, models, server, webhook_receiver

        modules = (client, handles, matchers, models, server, webhook_receiver)
        return next(getattr(module, name) for module in modules if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
