"""flaresend-mock fidelity: what of the emulator is documented."""

from __future__ import annotations

import click


@click.command()
def fidelity() -> None:
    """Print what of the emulator is documented and what is assumed, as a Markdown table."""
    from flaresend_mock.contract import fidelity_table

    print(fidelity_table(), end="")
