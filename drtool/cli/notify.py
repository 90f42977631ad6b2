from __future__ import annotations

import click

from drtool.cli import exits
from drtool.cli.options import VerbGroup
from drtool.cli.session import open_session


@click.group("notify", cls=VerbGroup)
def command() -> None:
    """Whoever is told how things ended."""


@command.command("test")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
def test(context: click.Context, names: tuple[str, ...]) -> int:
    """Send a test message to everybody in `notify:` of the policy, or to those named.

    NAME is a kind such as email, or what `drtool doctor` calls one of several. It ends 1 where somebody did not take it.
    A check of Healthchecks gets `log`, which leaves it as it stands.
    """
    from drtool.cli.render.listings import finding_rows  # noqa: PLC0415

    session = open_session(context)
    findings = session.app().notify_test(names)
    session.answer("findings", findings, lambda: finding_rows(findings))
    return exits.SUCCEEDED if all(finding.good for finding in findings) else exits.FAILED
