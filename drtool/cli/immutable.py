from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import click

from drtool.cli import exits, screen
from drtool.cli.options import VerbGroup
from drtool.cli.questions import go_on
from drtool.cli.session import Invocation, open_session
from drtool.cli.types import Instant
from drtool.model.errors import Refused

_UNCHANGED = "nothing was changed"


@click.group("immutable", cls=VerbGroup)
def command() -> None:
    """Look after copies on S3 that nobody can delete before a date: Object Lock."""


@command.command("audit")
@click.argument("repository", required=False, metavar="[REPOSITORY]")
@click.pass_context
def audit(context: click.Context, repository: str | None) -> int:
    """Ask the bucket how it protects what is in it, and until when everything that a kept point needs is locked.

    Ends 1 where that is less than `immutable:` of the policy promises. Nothing is changed.
    """
    from drtool.cli.render.immutable import audit_lines  # noqa: PLC0415

    session = open_session(context)
    found = session.app().immutable_audit(repository)
    session.answer("immutable_audit", found, lambda: audit_lines(found))
    return exits.NEEDS_ATTENTION if found.attention else exits.SUCCEEDED


@command.command("extend")
@click.argument("repository", required=False, metavar="[REPOSITORY]")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def extend(context: click.Context, repository: str | None, only_plan: bool, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Renew the locks of what a kept point needs: restic goes on to use old packs after theirs ran out, and nobody else renews them.

    Shows the plan and asks. Ended anywhere, the same command goes on; a timer calls it with --yes, once a week or oftener. Ends 1 where
    something that should be there is hidden or gone.
    """
    from drtool.cli.render.immutable import extend_plan_lines, extended_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    plan = app.plan_immutable_extend(repository)
    if only_plan:
        session.answer("immutable_extend_plan", plan, lambda: extend_plan_lines(plan))
        return exits.SUCCEEDED
    why = "a lock cannot be taken back, so extending asks, and there is no terminal"
    if not _goes_on(session, extend_plan_lines(plan), asks=bool(plan.due) and not yes, why=why):
        return exits.FAILED
    done = app.immutable_extend(plan)
    session.answer("immutable_extended", done, lambda: extended_lines(done))
    return exits.NEEDS_ATTENTION if done.missed else exits.SUCCEEDED


@command.command("recover")
@click.argument("repository", required=False, metavar="[REPOSITORY]")
@click.option("--since", required=True, type=Instant(), metavar="INSTANT", help="Since when what was done there is to be taken back.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def recover(context: click.Context, repository: str | None, since: datetime, only_plan: bool, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Bring back what somebody hid behind delete markers or overwrote since INSTANT, and say which points are whole again.

    Which version is right is decided by its content. No version of anything is deleted: what a thief wrote stays below, as evidence, and
    every change is written down before it is made. Shows the plan and asks. Ended anywhere, the same command goes on.
    """
    from drtool.cli.render.immutable import recover_plan_lines, recovered_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    plan = app.plan_immutable_recover(repository, since=since)
    if only_plan:
        session.answer("immutable_recover_plan", plan, lambda: recover_plan_lines(plan))
        return exits.SUCCEEDED
    why = "recovering asks first, and there is no terminal to ask"
    if not _goes_on(session, recover_plan_lines(plan), asks=bool(plan.changes) and not yes, why=why):
        return exits.FAILED
    done = app.immutable_recover(plan)
    session.answer("immutable_recovered", done, lambda: recovered_lines(done))
    wrong = done.lost or done.missing_packs or done.words or done.unlisted or not done.points
    return exits.DATA_WRONG if wrong else exits.SUCCEEDED


def _goes_on(session: Invocation, lines: Iterable[str], *, asks: bool, why: str) -> bool:
    """Show a plan, unless it is to be quiet and asks nothing; tell whether to carry it out. Refused where nobody is there to ask."""
    if asks or not session.options.quiet:
        screen.words(lines)
    if not asks or go_on("Go on?", refusal=Refused(why, hint="add --yes", safe=_UNCHANGED)):
        return True
    screen.words(["Nothing was changed."])
    return False
