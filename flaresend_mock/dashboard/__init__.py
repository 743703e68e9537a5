"""/_mock/ui: the dashboard. Its pages read the core, and change things by calling the control plane."""

from flaresend_mock.dashboard import chats, faults, people, schedule, traffic, worlds  # noqa: F401
from flaresend_mock.dashboard.pages import blueprint

__all__ = ["blueprint"]
