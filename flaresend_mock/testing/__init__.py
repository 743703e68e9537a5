"""The test kit: a pytest plugin, and the client behind its fixture. __init__.pyi says what the names are."""

from importlib import import_module
from typing import Any

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
