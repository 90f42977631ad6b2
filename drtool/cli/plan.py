from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drtool.cli import exits
from drtool.cli.destination import DestinationVerb, check_usage, request_of, restore_options
from drtool.cli.options import VerbGroup
from drtool.cli.restore import open_app
from drtool.cli.session import Invocation, open_session

if TYPE_CHECKING:
    from drtool.model.plan import Plan


@click.group("plan", cls=VerbGroup)
def command() -> None:
    """Print what would be done, and why; nothing is changed."""


@command.command("run")
@click.argument("sets", nargs=-1, metavar="[SET]...")
@click.option("--due", is_flag=True, help="Only what its schedule asks for now.")
@click.pass_context
def run(context: click.Context, sets: tuple[str, ...], due: bool) -> int:  # noqa: FBT001 - click's shape
    """Print what `drtool run` would do, and what retention says of every point (-v)."""
    session = open_session(context)
    return _show(session, session.app().plan_run(sets, due=due))


@command.command("forget")
@click.argument("name", required=False)
@click.argument("repository", required=False)
@click.pass_context
def forget(context: click.Context, name: str | None, repository: str | None) -> int:
    """Print what `drtool forget` would do, and what keeps every point (-v)."""
    session = open_session(context)
    return _show(session, session.app().plan_forget(tuple(filter(None, (name, repository)))))


@command.command("restore", cls=DestinationVerb)
@restore_options
@click.pass_context
def restore(context: click.Context, /, **given: Any) -> int:  # noqa: ANN401 - click's shape
    """Print what `drtool restore` would do."""
    session = open_session(context)
    check_usage(given, bare=session.bare() is not None)
    app = open_app(session, given)
    return _show(session, app.plan_restore(request_of(app, given)))


@command.command("drill")
@click.argument("name", metavar="DRILL|SET")
@click.pass_context
def drill(context: click.Context, name: str) -> int:
    """Print what `drtool drill` would do."""
    session = open_session(context)
    return _show(session, session.app().plan_drill(name))


def _show(session: Invocation, plan: Plan) -> int:
    from drtool.cli.render.plan import plan_lines, verdict_lines  # noqa: PLC0415

    further = verdict_lines(plan) if session.options.verbose else []
    session.answer("plan", plan, lambda: [*plan_lines(plan), *further], digest=plan.digest)
    bad = any(skipped.outcome != "succeeded" for skipped in plan.skipped)
    return exits.FAILED if bad else exits.SUCCEEDED
