from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session

if TYPE_CHECKING:
    from drtool.app import StatusView


@click.command("status", cls=LookVerb)
@click.option("--check", is_flag=True, help="Exit 1 when a set, or anything with a schedule, needs attention (for monitoring).")
@click.option("--refresh", is_flag=True, help="Ask the repositories again instead of the cache.")
@click.pass_context
def command(context: click.Context, check: bool, refresh: bool) -> int:  # noqa: FBT001 - click's shape
    """Show what is protected, how old it is, when it was last proven, and what to type next."""
    session = open_session(context)
    view = session.app().status(refresh=refresh)
    session.answer("status", view, lambda: _lines(view))
    late = (*view.schedules, *view.untimed)
    troubled = any(entry.attention for entry in view.sets) or any(entry.attention for entry in late) or bool(view.dead)
    return exits.NEEDS_ATTENTION if check and troubled else exits.SUCCEEDED


def _lines(view: StatusView) -> list[str]:
    from drtool.cli.render.status import status_lines  # noqa: PLC0415 - not needed with --json

    return status_lines(
        view.sets,
        as_of=view.as_of,
        now=view.now,
        readings=view.readings,
        schedules=view.schedules,
        unscheduled=view.unscheduled,
        gone=view.gone,
        untimed=view.untimed,
        dead=view.dead,
    )
