from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drtool.cli import exits, screen
from drtool.cli.destination import DestinationVerb, check_undo, check_usage, request_of, restore_options
from drtool.cli.ids import whole_run
from drtool.cli.questions import go_on
from drtool.cli.report_files import ReportFile, keep_apart, leaves_reports
from drtool.cli.session import Invocation, open_session
from drtool.model.errors import Refused

if TYPE_CHECKING:
    from drtool.app.facade import App


@click.command("restore", cls=DestinationVerb)
@restore_options
@click.option("--undo", metavar="RUN|last", help="Take back what this run put into service: what was there before is there again.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
@leaves_reports
def command(context: click.Context, /, undo: str | None, yes: bool, reports: tuple[ReportFile, ...], **given: Any) -> int:  # noqa: FBT001, ANN401 - click's shape
    """Bring SETs back: shows the plan, asks, restores, puts into service, and asks the checks.

    Nothing is overwritten: what was there is kept aside until `drtool sweep --kept`, and `--undo RUN` brings it
    back; on a NAS you rename it back, and the report says how. What the point left out of a place stays in
    service there. On a bare machine
    --repository and --password-file are enough: the policy travels in the recovery point.
    """
    from drtool.cli.render.plan import plan_lines  # noqa: PLC0415

    session = open_session(context)
    if undo is None:
        check_usage(given, bare=session.bare() is not None)
    else:
        check_undo(given)
    app = open_app(session, given)
    keep_apart(app, reports)
    plan = app.plan_restore(request_of(app, given)) if undo is None else app.plan_undo(_undone(app, undo))
    if not (session.options.quiet and yes):
        screen.words(plan_lines(plan))
    if yes and plan.asks:
        raise Refused(
            f"--yes puts nothing into service that is not ours: {plan.asks[0]}",
            hint="answer at a terminal, without --yes; take over a machine that is gone: drtool adopt; or --to directory PATH",
            safe="nothing was changed",
        )
    if not yes and not _go_on():
        screen.words(["Nothing was changed."])
        return exits.FAILED
    session.progress.against(plan)
    return session.carry_out(lambda: app.restore(plan), reports=reports, former=app.history)


def _undone(app: App, text: str) -> str:
    return app.last_restore() if text == "last" else whole_run(app, text)


def open_app(session: Invocation, given: dict[str, Any]) -> App:
    """Open the policy, or on a bare machine the repository itself."""
    bare = session.bare()
    return session.app() if bare is None else session.open_bare(bare, trust_commands=given["trust_commands"])


def _go_on() -> bool:
    refusal = Refused("a restore asks before it starts, and there is no terminal to ask", hint="add --yes", safe="nothing was changed")
    return go_on("Go on?", refusal=refusal)
