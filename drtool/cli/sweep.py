from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb
from drtool.cli.questions import go_on
from drtool.cli.session import open_session
from drtool.model.errors import Refused


@click.command("sweep", cls=LookVerb)
@click.option("--kept", is_flag=True, help="Also remove what restores kept aside: shows it, asks, and the old data is gone then.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def command(context: click.Context, kept: bool, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Release what ended runs left behind: staging, sandboxes, snapshots, data that was never sealed.

    On a bare machine (--repository and --password-file, no policy): finish what a restore of this machine was exchanging when it died.
    """
    session = open_session(context)
    if kept and session.bare() is not None:
        raise Refused(
            "what was kept aside is removed by a policy only: what it protects is compared with the newest point",
            hint="look at it and remove it by hand; or use the policy: drtool policy latest --output FILE",
            safe="nothing was removed",
        )
    app = session.app()
    shown: frozenset[str] | None = None
    if kept and not (yes and session.options.quiet):
        from drtool.cli.render.kept import kept_lines  # noqa: PLC0415

        things = app.kept()
        shown = frozenset(thing.leftover.locator for thing in things)
        if things:
            screen.words(kept_lines(things))
        if things and not yes and not _go_on():
            screen.words(["Nothing was removed."])
            return exits.FAILED
    return session.carry_out(lambda: app.sweep(kept=kept, shown=shown))


def _go_on() -> bool:
    refusal = Refused(
        "what restores kept aside is removed only when that was looked at, and there is no terminal to ask",
        hint="look at the list above, and add --yes",
        safe="nothing was removed",
    )
    return go_on("Remove it for good?", refusal=refusal)
