from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import Verb
from drtool.cli.session import open_session


@click.command("doctor", cls=Verb)
@click.argument("subjects", nargs=-1, metavar="[SOURCE|REPOSITORY]...")
@click.option(
    "--grants", "granting", metavar="SOURCE", help="Only print the platform's commands that make a login with the rights needed, no more."
)
@click.pass_context
def command(context: click.Context, subjects: tuple[str, ...], granting: str | None) -> int:
    """Ask every source, repository, sandbox and key whether a run and a restore would work.

    Each line that is not well comes with its remedy. Nothing is changed; a lock is written and removed again to try writing.
    """
    from drtool.cli.render.listings import findings_lines  # noqa: PLC0415

    session = open_session(context)
    if granting is not None:
        if subjects:
            raise click.UsageError(f"--grants {granting} asks nobody: leave {subjects[0]} out")
        commands = session.app().grants(granting)
        session.answer("grants", commands, lambda: commands, to_copy=True)
        return exits.SUCCEEDED
    findings = session.app().doctor(subjects)
    session.answer("findings", findings, lambda: findings_lines(findings))
    return exits.FAILED if any(finding.good is False for finding in findings) else exits.SUCCEEDED
