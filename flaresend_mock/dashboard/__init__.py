"""/_mock/ui: the dashboard. Its pages read the core, and change things by calling the control plane."""

from flask import Blueprint, Flask, request
from werkzeug.exceptions import NotFound

from flaresend_mock.core.errors import WorldNotFound
from flaresend_mock.dashboard import assets, chats, faults, instances, pages, people, schedule, traffic, worlds
from flaresend_mock.http.context import CONTROL, services

UI = CONTROL + "/ui"


def install(app: Flask) -> None:
    dashboard = Blueprint("dashboard", __name__)
    for page in (pages, chats, traffic, instances, schedule, faults, people, worlds, assets):
        dashboard.register_blueprint(page.blueprint)
    for missing in (NotFound, WorldNotFound):
        dashboard.register_error_handler(missing, pages.not_found)
    dashboard.before_request(_find_world)
    app.register_blueprint(dashboard, url_prefix=UI)


def _find_world() -> None:
    """Give views the world itself, in place of its name in the path. Runs after the control plane's guard."""
    if (arguments := request.view_args) and "world" in arguments:
        arguments["world"] = services().worlds.get(arguments["world"])
