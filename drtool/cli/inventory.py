from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session

if TYPE_CHECKING:
    from drtool.model.ledger import Ledger


@click.command("inventory", cls=Verb)
@click.option("--new", "only_new", is_flag=True, help="Show only what was not there at the last look.")
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(["unprotected", "problem", "new"]),
    help="Exit 1 when anything is so (may be repeated). What could not be asked counts as unprotected and as new.",
)
@click.pass_context
def command(context: click.Context, only_new: bool, fail_on: tuple[str, ...]) -> int:  # noqa: FBT001 - click's shape
    """Show everything that exists on the sources: protected by which sets, excluded and why, or unprotected."""
    session = open_session(context)
    ledger = session.app().inventory()
    shown = tuple(line for line in ledger.lines if line.new or not only_new)
    session.answer("inventory", shown, lambda: _lines(ledger, only_new=only_new), told=ledger.told)
    return exits.of_inventory(ledger.lines, frozenset(fail_on))


def _lines(ledger: Ledger, *, only_new: bool) -> list[str]:
    from drtool.cli.render.inventory import inventory_lines  # noqa: PLC0415 - not needed with --json

    return inventory_lines(ledger, only_new=only_new)
