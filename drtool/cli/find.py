from __future__ import annotations

import shlex

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb
from drtool.cli.render.words import counted, printable
from drtool.cli.saying import said
from drtool.cli.session import open_session


@click.command("find", cls=LookVerb)
@click.argument("patterns", nargs=-1, required=True, metavar="PATTERN...")
@click.option("--set", "set_name", metavar="SET", help="Only in points of this set.")
@click.option("--workload", metavar="WORKLOAD", help="Only inside this workload.")
@click.option("--in", "copy", metavar="REPOSITORY", help="Only in this copy; otherwise the nearest that has a point.")
@click.option("--newest", type=click.IntRange(min=1), metavar="NUMBER", help="Only so many points of each set, the newest; otherwise all.")
@click.option("--ignore-case", "-i", is_flag=True, help="Capital or small is the same.")
@click.pass_context
def command(
    context: click.Context,
    patterns: tuple[str, ...],
    set_name: str | None,
    workload: str | None,
    copy: str | None,
    newest: int | None,
    ignore_case: bool,  # noqa: FBT001 - click's shape
) -> int:
    """Tell which recovery points hold a file, in which versions, and how it is brought back.

    PATTERN is a name, or with a slash a whole path; * ? [a-z] stand for what they do in a shell, ** for any number of folders. Put it
    in quotes. What was deleted since is told by the last point that holds it. Ends 0 where something was found, 1 where nothing
    was, 3 where not everything could be searched.
    """
    from drtool.cli.render.found import found_lines, unsearched_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    found = app.find(patterns, set_name=set_name, repository=copy, newest=newest, workload=workload, ignore_case=ignore_case)
    session.note(found.notes)
    session.answer("found", found, lambda: found_lines(found.files))
    screen.words(unsearched_lines(found))
    if not found.files:
        searched = counted(found.points, "point") if found.whole else "what could be searched"
        screen.words([f"Nothing in {searched} is called {' or '.join(map(printable, patterns))}.{_wider(patterns)}"])
    if not found.whole:
        return exits.PARTIAL
    return exits.SUCCEEDED if found.files else exits.FAILED


def _wider(patterns: tuple[str, ...]) -> str:
    """Say what finds a part of a name, where whole names were asked for."""
    if any(mark in pattern for pattern in patterns for mark in "*?[/"):
        return ""
    return f"  next, for a part of a name: {said('drtool find')} {shlex.join(f'*{pattern}*' for pattern in patterns)}"
