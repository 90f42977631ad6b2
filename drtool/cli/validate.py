from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.render.words import GOOD, counted, printable
from drtool.cli.session import open_session

if TYPE_CHECKING:
    from drtool.app.facade import App
    from drtool.model.policy import Policy


@click.command("validate", cls=Verb)
@click.pass_context
def command(context: click.Context) -> int:
    """Check the policy: every mistake is shown at once, with file, line and column."""
    session = open_session(context)
    app = session.app()
    session.answer("policy", app.policy, lambda: validated_lines(app))
    return exits.SUCCEEDED


def validated_lines(app: App) -> list[str]:
    """Return how much a policy without mistakes has in it, and what of it one may not have meant."""
    policy = app.policy
    summary = ", ".join(
        counted(len(things), noun, many)
        for things, noun, many in (
            (policy.sets, "set", ""),
            (policy.sources, "source", ""),
            (policy.repositories, "repository", "repositories"),
            (policy.drills, "drill", ""),
        )
    )
    own = (*app.told_of_own_places(), *_no_way_back(policy))
    return [f"{printable(policy.name)}: {summary} {GOOD}", *_unscheduled(policy), *(f"  {printable(line)}" for line in own)]


def _no_way_back(policy: Policy) -> tuple[str, ...]:
    """Tell what is stored and has no command that puts it back: found out during a disaster is too late."""
    from drtool.app.composition import FACTS  # noqa: PLC0415
    from drtool.planning.way_back import told_of_no_way_back  # noqa: PLC0415

    return told_of_no_way_back(policy, FACTS)


def _unscheduled(policy: Policy) -> list[str]:
    """Tell which sets a timer never runs: among others that have a schedule one is easily overlooked."""
    from drtool.planning.schedule import left_out  # noqa: PLC0415

    return [f"  {printable(name)} has no schedule: `drtool run --due` never takes it" for name in left_out(policy)]
