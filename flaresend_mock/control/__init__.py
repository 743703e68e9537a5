"""The control plane under /_mock, by which tests and demonstrations control a world."""

from importlib import import_module

from flask import Flask

from flaresend_mock.control import about, guard
from flaresend_mock.http.context import CONTROL
from flaresend_mock.http.endpoint import Endpoints

_MODULES = "about faults inbound instances lists people verification worlds".split()
_ORDER = """health worlds world snapshots instances pairing people groups channels webhooks inbound lists transcript
verification deliveries media clock faults documents"""  # of their blueprints in the OpenAPI document


def install(app: Flask, *, only_health: bool = False) -> None:
    """Add the control plane to an application, or only its endpoint for health. Importing the rest takes a while."""
    app.before_request(guard.check)
    modules = [about] if only_health else [import_module(f"{__name__}.{name}") for name in _MODULES]
    found = {one.name: one for module in modules for one in vars(module).values() if isinstance(one, Endpoints)}
    for name in ["health"] if only_health else _ORDER.split():
        app.register_blueprint(found[name], url_prefix=CONTROL + (found[name].url_prefix or ""))
