"""/_mock/ui: pages for people. They read the core, and change things by calling the control plane."""

from __future__ import annotations

from flask import Blueprint, Flask
from werkzeug.exceptions import NotFound

from flaresend_mock.core.errors import WorldNotFound
from flaresend_mock.dashboard import (
    assets,
    chats,
    faults,
    instances,
    pages,
    people,
    schedule,
    traffic,
    worlds,
)
from flaresend_mock.http.paths import OURS

UI = OURS + "/ui"


def install(app: Flask) -> None:
    """Add the dashboard to an application, under /_mock/ui."""
    whole = Blueprint("dashboard", __name__)
    for part in (pages, chats, traffic, instances, schedule, faults, people, worlds, assets):
        whole.register_blueprint(part.blueprint)
    for missing in (NotFound, WorldNotFound):
        whole.register_error_handler(missing, pages.gone)
    app.register_blueprint(whole, url_prefix=UI)
