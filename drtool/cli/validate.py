from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.render.words import GOOD, counted, printable
from drtool.cli.session import open_session


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
    session.answer("policy", policy, lambda: [f"{printable(policy.name)}: {summary} {GOOD}"])
    return exits.SUCCEEDED
