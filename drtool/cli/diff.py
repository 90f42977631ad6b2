from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from drtool.cli import exits
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session
from drtool.model.errors import Refused

if TYPE_CHECKING:
    from drtool.app.facade import App


@click.command("diff", cls=LookVerb)
@click.argument("older", metavar="[POINT", required=False)
@click.argument("newer", metavar="POINT]", required=False)
@click.pass_context
def command(context: click.Context, older: str | None, newer: str | None) -> int:
    """Show what changed between two recovery points; of a policy with one set, between the last two unless said otherwise."""
    from drtool.cli.render.listings import plain_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    if older is None or newer is None:
        older, newer = _last_two(app, older)
    lines = app.diff(whole_point(app, older), whole_point(app, newer))
    session.answer("differences", lines, lambda: plain_lines(lines) or ["nothing changed"])
    return exits.SUCCEEDED


def _last_two(app: App, named: str | None) -> tuple[str, str]:
    """Return how the last two complete points of the one set are called; Refused where it would have to be guessed what is meant."""
    names = tuple(app.policy.sets)
    if named is None and len(names) == 1:
        return "latest~1", "latest"
    example = names[0] if names else "SET"
    raise Refused(
        "two points are compared, and only one is named" if named else f"there are {len(names)} sets: which points are compared?",
        hint=f"drtool diff {shlex.quote(f'{example}~1')} {shlex.quote(example)}"
        if named is None
        else f"drtool diff {shlex.quote(named)} latest",
        safe="nothing was read",
    )
