from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookGroup, Verb
from drtool.cli.questions import go_on
from drtool.cli.render.words import printable
from drtool.cli.session import open_session
from drtool.model.errors import Refused


@click.group("evidence", cls=LookGroup)
def command() -> None:
    """Show, check and hand out the signed records of drills and readings, and change the key that signs."""


@command.command("list")
@click.option("--set", "set_name", metavar="SET", help="Only what proves this set.")
@click.pass_context
def list_evidence(context: click.Context, set_name: str | None) -> int:
    """List all evidence, newest first, and where it lies."""
    from drtool.cli.render.evidence import evidence_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    views, unread = app.evidence_list(set_name)
    session.answer("evidence", views, lambda: evidence_lines(views, policy=app.policy.name), unread=unread)
    screen.words(f"failed  {printable(text)}  next: drtool doctor" for text in unread)
    return exits.FAILED if unread else exits.SUCCEEDED


@command.command("show")
@click.argument("evidence", metavar="EVIDENCE")
@click.pass_context
def show(context: click.Context, evidence: str) -> int:
    """Show one record, and whether its signature fits."""
    from drtool.cli.render.evidence import record_lines  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    shown = app.evidence_show(evidence)
    session.answer("evidence_record", shown, lambda: record_lines(shown, policy=app.policy.name))
    return exits.DATA_WRONG if shown.fault else exits.SUCCEEDED


@command.command("verify")
@click.option("--allowed-signers", metavar="FILE", help="Who may sign, in the format of ssh-keygen(1).")
@click.pass_context
def verify(context: click.Context, allowed_signers: str | None) -> int:
    """Check every signature, the chain of every signer, and the heads in all manifests.

    Whatever was edited, deleted, reordered or truncated is named, and the exit code is 5; where there is nothing to verify, it is 1.
    """
    from drtool.cli.render.evidence import examination_lines  # noqa: PLC0415

    session = open_session(context)
    found = session.app().evidence_verify(allowed_signers)
    code = exits.DATA_WRONG if found.faults else exits.FAILED if found.unread or not found.records else exits.SUCCEEDED
    session.answer("evidence_verify", found, lambda: examination_lines(found), exit_code=code)
    return code


@command.command("export")
@click.option("--output", default="drtool-evidence", show_default=True, metavar="DIRECTORY", help="A new or empty directory.")
@click.pass_context
def export(context: click.Context, output: str) -> int:
    """Write records, signatures, allowed_signers and an index for an auditor."""
    from drtool.cli.render.evidence import export_lines  # noqa: PLC0415

    session = open_session(context)
    index = session.app().evidence_export(output)
    session.answer("evidence_export", {"directory": output, "index": index}, lambda: export_lines(output, index))
    left_out = index["left_out"]
    return exits.DATA_WRONG if left_out["faulty"] else exits.FAILED if left_out["unread"] else exits.SUCCEEDED


@command.command("rotate", cls=Verb)
@click.option("--to", metavar="REFERENCE", help="The new key, where the policy names one: file:, env:, credential: or command:.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.pass_context
def rotate(context: click.Context, to: str | None, yes: bool) -> int:  # noqa: FBT001 - click's shape
    """Let a new key sign points and evidence from here on, signed by the old key and the new one.

    Whoever accepts the old key accepts the new one then, and nothing more by the old one. Ended anywhere, the same command goes on.
    """
    from drtool.cli.render.evidence import rotated_lines  # noqa: PLC0415
    from drtool.model.secret import parse_reference  # noqa: PLC0415

    reference = parse_reference(to) if to is not None else None
    if to is not None and reference is None:
        raise click.UsageError("--to is a reference to a key: file:PATH, env:NAME, credential:NAME or command:WORDS")
    session = open_session(context)
    app = session.app()
    signer = app.signer_to_replace(reference)
    if signer and not (session.options.quiet and yes):
        screen.words([f"{signer} signs here now. What it signs after the change counts for nobody any more."])
        shared = app.shared_signer()
        screen.words(f"  it signs for the policy {printable(each)}, too: whose readers will have to adopt the new key" for each in shared)
    if signer and not yes:
        refusal = Refused("a rotation asks first, and there is no terminal to ask", hint="add --yes", safe="nothing was changed")
        if not go_on("Shall a new key take its place?", refusal=refusal):
            screen.words(["Nothing was changed."])
            return exits.FAILED
    rotated = app.rotate_signer(reference)
    session.answer("evidence_rotate", rotated, lambda: rotated_lines(rotated))
    return exits.SUCCEEDED
