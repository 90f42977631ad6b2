from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.render.words import GOOD, counted, printable
from drtool.cli.session import open_session

if TYPE_CHECKING:
    from drtool.model.policy import Policy


@click.command("validate", cls=Verb)
@click.pass_context
def command(context: click.Context) -> int:
    """Check the policy: every mistake is shown at once, with file, line and column."""
    session = open_session(context)
    policy = session.app().policy
    summary = ", ".join(
        counted(len(things), noun, many)
        for things, noun, many in (
            (policy.sets, "set", ""),
            (policy.sources, "source", ""),
            (policy.repositories, "repository", "repositories"),
            (policy.drills, "drill", ""),
        )
    )
    own = session.app().told_of_own_places()
    words = [f"  {printable(line)}" for line in own]
    session.answer("policy", policy, lambda: [f"{printable(policy.name)}: {summary} {GOOD}", *_unscheduled(policy), *words])
    return exits.SUCCEEDED


def _unscheduled(policy: Policy) -> list[str]:
    """Tell which sets a timer never runs: among others that have a schedule one is easily overlooked."""
    from drtool.planning.schedule import left_out  # noqa: PLC0415

    return [f"  {printable(name)} has no schedule: `drtool run --due` never takes it" for name in left_out(policy)]
