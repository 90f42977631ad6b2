from __future__ import annotations

from typing import TYPE_CHECKING

import click

from drtool.cli import screen
from drtool.cli.options import Verb
from drtool.cli.recovery_sheet import sheet_lines, signer_lines
from drtool.cli.render.words import printable
from drtool.cli.session import open_session
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from drtool.model.report import Report


@click.command("init", cls=Verb)
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.pass_context
def command(context: click.Context, repositories: tuple[str, ...]) -> int:
    """Create the repositories of the policy, and a key where its file does not exist yet.

    No other verb ever creates a repository. Repositories that exist are left as they are. Keep a copy of every key, and the
    recovery sheet, printed on standard output at the end, somewhere that does not burn down with this machine: drtool init | lpr.
    """
    session = open_session(context)
    app = session.app()
    reports: list[Report] = []

    def work() -> Report:
        reports.append(app.initialise(repositories))
        return reports[-1]

    code = session.carry_out(work)
    there = tuple(step.id.rpartition("/")[2] for step in reports[0].steps if step.outcome is Outcome.SUCCEEDED)
    if there and not session.options.json:
        screen.data([*sheet_lines(app.policy, there, at=reports[0].started), *signer_lines(app)], as_sentences=True)
        lacking = [name for name in repositories or app.policy.repositories if name not in there]
        screen.words(f"  {printable(name)} was not made: the next `drtool init` that makes it prints its part" for name in lacking)
    return code
