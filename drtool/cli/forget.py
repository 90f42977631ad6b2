from __future__ import annotations

import click

from drtool.cli.options import LongVerb
from drtool.cli.session import open_session


@click.command("forget", cls=LongVerb)
@click.argument("name", required=False)
@click.argument("repository", required=False)
@click.option(
    "--looked",
    is_flag=True,
    help="What was told is right: end its quarantines, believe late dates, set aside dates ahead; forget.",
)
@click.pass_context
def command(context: click.Context, name: str | None, repository: str | None, looked: bool) -> int:  # noqa: FBT001 - click's shape
    """Forget points of the policy NAME in REPOSITORY for machines that may only add there, as `forget_for:` says.

    For the trusted side of a store that lets nothing be removed by whoever writes there. Points of its own sets a machine forgets with
    `drtool run`. See first: drtool plan forget -v
    """
    session = open_session(context)
    app = session.app()
    return session.carry_out(lambda: app.forget(tuple(filter(None, (name, repository))), looked=looked))
