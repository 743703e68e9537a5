"""What the test kit offers, for editors and type checkers."""

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
