"""flaresend-mock openapi: the OpenAPI documents, without a server."""

from __future__ import annotations

import json

import click

from flaresend_mock.core.outside import DEFAULT_PUBLIC_URL


@click.command("openapi")
@click.option("--control", is_flag=True, help="Describe the control plane, not the Flaresend API.")
@click.option("--url", default=DEFAULT_PUBLIC_URL, show_default=True, help="Where it is served.")
def openapi(control: bool, url: str) -> None:
    """Print the OpenAPI 3.1 document of the Flaresend API."""
    from flaresend_mock import FlaresendMock

    document = FlaresendMock().app.document("control" if control else "api", url)
    print(json.dumps(document, indent=2))
