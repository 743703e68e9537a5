"""flaresend-mock openapi: the OpenAPI documents, without a server."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import click

from flaresend_mock.core.store import DEFAULT_PUBLIC_URL


def _address(context: click.Context, option: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.BadParameter(f"{value!r} is not an address such as {DEFAULT_PUBLIC_URL}")
    return value


@click.command("openapi")
@click.option("--control", is_flag=True, help="Describe the control plane, not the Flaresend API.")
@click.option(
    "--url", default=DEFAULT_PUBLIC_URL, show_default=True, callback=_address, help="Where it is served."
)
def openapi(control: bool, url: str) -> None:
    """Print the OpenAPI 3.1 document of the Flaresend API."""
    from flaresend_mock.app import document

    print(json.dumps(document("control" if control else "api", url), indent=2))
