from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("doctor", cls=Verb)
@click.argument("subjects", nargs=-1, metavar="[SOURCE|REPOSITORY]...")
@click.pass_context
def command(context: click.Context, subjects: tuple[str, ...]) -> int:
    """Ask every source, repository, sandbox and key whether a run and a restore would work.

    Each line that is not well comes with its remedy. Nothing is changed; a lock is written and removed again to try writing.
    """
    from drtool.cli.render.listings import findings_lines  # noqa: PLC0415

    session = open_session(context)
    findings = session.app().doctor(subjects)
    session.answer("findings", findings, lambda: findings_lines(findings))
    return exits.FAILED if any(finding.good is False for finding in findings) else exits.SUCCEEDED
