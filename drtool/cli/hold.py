from __future__ import annotations

from datetime import datetime

import click

from drtool.cli import exits
from drtool.cli.options import VerbGroup
from drtool.cli.session import open_session
from drtool.cli.types import Until


@click.group("hold", cls=VerbGroup)
def command() -> None:
    """Keep a recovery point, or everything of a set, from being forgotten."""


@command.command("add")
@click.argument("target", metavar="SET|POINT")
@click.option("--until", required=True, type=Until(), metavar="30d|INSTANT", help="When it ends by itself.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever meets it later.")
@click.pass_context
def add(context: click.Context, target: str, until: datetime, reason: str) -> int:
    """Hold a point, or stop forgetting for a set."""
    from drtool.cli.render.listings import holds_lines  # noqa: PLC0415

    session = open_session(context)
    hold = session.app().hold_add(target, until=until, reason=reason)
    session.answer("hold", hold, lambda: holds_lines((hold,)))
    return exits.SUCCEEDED


@command.command("list")
@click.pass_context
def list_holds(context: click.Context) -> int:
    """List the holds in force."""
    from drtool.cli.render.listings import holds_lines  # noqa: PLC0415

    session = open_session(context)
    holds = tuple(session.app().hold_list())
    session.answer("holds", holds, lambda: holds_lines(holds))
    return exits.SUCCEEDED


@command.command("release")
@click.argument("hold", metavar="HOLD")
@click.pass_context
def release(context: click.Context, hold: str) -> int:
    """End a hold before its time."""
    session = open_session(context)
    session.app().hold_release(hold)
    session.answer("released", {"hold": hold}, lambda: [f"{hold} is released"])
    return exits.SUCCEEDED
