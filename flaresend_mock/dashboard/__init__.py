"""/_mock/ui: pages for people. They read the core, and change things by calling the control plane."""

from __future__ import annotations

from flask import Flask

from flaresend_mock.dashboard import (
    assets,
    conversations,
    faults,
    instances,
    login,
    pages,
    people,
    schedule,
    traffic,
    worlds,
)
from flaresend_mock.web.paths import OURS

UI = OURS + "/ui"


def install(app: Flask) -> None:
    """Add the dashboard to an application, under /_mock/ui."""
    for part in (pages, conversations, traffic, instances, schedule, faults, people, worlds, login, assets):
        app.register_blueprint(part.blueprint, url_prefix=UI)
