from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb
from drtool.cli.session import Invocation, open_session
from drtool.model.errors import DrtoolError

if TYPE_CHECKING:
    from drtool.app.status import StatusView


class _AskedByMonitors(LookVerb):
    """A verb whose mistyped options are no state of the sets: 2 would be critical."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "--nagios" not in given:
                raise
            from drtool.cli.render.nagios import State, unknown_line  # noqa: PLC0415 - only for a monitor

            screen.data([unknown_line(error.format_message())])
            ctx.exit(State.UNKNOWN)


@click.command("status", cls=_AskedByMonitors)
@click.option(
    "--check",
    is_flag=True,
    help="Exit 1 when a set, or anything with a schedule, needs attention (for monitoring); repositories are asked again "
    "when what is known is older than half the shortest RPO, or an hour.",
)
@click.option("--refresh", is_flag=True, help="Ask the repositories again instead of the cache.")
@click.option(
    "--nagios", is_flag=True, help="Ask the repositories, and answer as a plugin of Nagios: 0 ok, 1 warning, 2 critical, 3 unknown."
)
@click.pass_context
def command(context: click.Context, check: bool, refresh: bool, nagios: bool) -> int:  # noqa: FBT001 - click's shape
    """Show what is protected, how old it is, when it was last proven, and what to type next."""
    session = open_session(context)
    if nagios:
        return _as_plugin(session)
    app = session.app()
    view = app.checked_status(refresh=refresh) if check else app.status(refresh=refresh)
    session.answer("status", view, lambda: _lines(view))
    late = (*view.schedules, *view.untimed)
    troubled = any(entry.attention for entry in view.sets) or any(entry.attention for entry in late) or bool(view.dead)
    troubled = troubled or bool(view.unfinished) or bool(view.locks)
    return exits.NEEDS_ATTENTION if check and troubled else exits.SUCCEEDED


def _as_plugin(session: Invocation) -> int:
    from drtool.cli.render.nagios import State, nagios_lines, unknown_line  # noqa: PLC0415 - only for a monitor

    try:
        state, lines = nagios_lines(session.app().status(refresh=True))
    except DrtoolError as error:
        state, lines = State.UNKNOWN, [unknown_line(f"{error.what}; next: {error.hint}" if error.hint else error.what)]
    screen.data(lines)
    return state


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
        dead=(*view.dead, *view.unfinished),
        append_only=view.append_only,
        locks=view.locks,
    )
