from __future__ import annotations

import sys

import click

from drtool.cli import exits, screen
from drtool.cli.options import VerbGroup
from drtool.cli.recovery_sheet import other_keys, sheet_lines, signer_lines
from drtool.cli.session import open_session


@click.group("key", cls=VerbGroup)
def command() -> None:
    """List, add, prove, remove and rotate the keys that open the repositories, and print the recovery sheet."""


@command.command("list")
@click.argument("repositories", nargs=-1, metavar="[REPOSITORY]...")
@click.pass_context
def list_keys(context: click.Context, repositories: tuple[str, ...]) -> int:
    """List the keys: whose, since when, which is in use, and when each was last proven to open the repository alone."""
    from drtool.cli.render.keys import listing_lines  # noqa: PLC0415

    session = open_session(context)
    listings = session.app().key_list(repositories)
    session.answer("keys", listings, lambda: listing_lines(listings))
    return exits.FAILED if any(listing.problem for listing in listings) else exits.SUCCEEDED


@command.command("add")
@click.argument("repository", metavar="REPOSITORY")
@click.option("--file", metavar="FILE", default="", help="Write the passphrase into this new file (0600).")
@click.option("--name", metavar="WORDS", default="break-glass", show_default=True, help="What the key is for; `key list` shows it.")
@click.option("--print", "show", is_flag=True, help="Show the passphrase once, on this terminal, to be written on paper.")
@click.pass_context
def add(context: click.Context, repository: str, file: str, name: str, show: bool) -> int:  # noqa: FBT001 - click's shape
    """Add a fresh break-glass key, to be kept away from this machine.

    The passphrase is made here (160 bits, easy to type) and goes into a file, onto the terminal, or both. It is shown only now.
    """
    from drtool.cli.render.keys import added_lines, passphrase_lines  # noqa: PLC0415

    session = open_session(context)
    if not file and not show:
        raise click.UsageError("say where the passphrase shall go: --file FILE, --print, or both")
    if show and not sys.stdout.isatty():
        raise click.UsageError("--print shows a passphrase on a terminal only, and this is none: use --file FILE")
    if not name.isprintable() or not name.strip():
        raise click.UsageError("--name must be a few plain words")
    added, passphrase = session.app().key_add(repository, file=file, name=name)
    session.answer("key", added, lambda: added_lines(added))
    if show:
        screen.data(passphrase_lines(passphrase))
    return exits.SUCCEEDED


@command.command("sheet")
@click.pass_context
def sheet(context: click.Context) -> int:
    """Print the recovery sheet of all repositories on standard output, as init does for those that it makes.

    Nothing is changed; the repositories are asked which keys open them. Print it anew when a key, an address or the machine has
    changed, and destroy the old one.
    """
    from drtool.engine.clock import SystemClock  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    lines = [*sheet_lines(app.policy, (), at=SystemClock().now(), keys=other_keys(app)), *signer_lines(app)]
    session.answer("recovery_sheet", lines, lambda: lines)
    return exits.SUCCEEDED


@command.command("prove")
@click.argument("repository", required=False, metavar="[REPOSITORY]")
@click.option("--file", required=True, metavar="FILE", help="The key file, on the medium where it is kept.")
@click.pass_context
def prove(context: click.Context, repository: str | None, file: str) -> int:
    """Open a repository with the key in a file and nothing else, read a manifest with it, and record that."""
    from drtool.cli.render.keys import proof_lines  # noqa: PLC0415

    session = open_session(context)
    proof = session.app().key_prove(repository, file)
    session.answer("key_proof", proof, lambda: proof_lines(proof))
    return exits.SUCCEEDED


@command.command("remove")
@click.argument("repository", metavar="REPOSITORY")
@click.argument("key", metavar="KEY")
@click.option("--anyway", is_flag=True, help="Though no proven key but the one in use is left then, or a key of the policy is not at hand.")
@click.pass_context
def remove(context: click.Context, repository: str, key: str, anyway: bool) -> int:  # noqa: FBT001 - click's shape
    """Remove a key that was lost, or whose owner has gone: KEY is its id in `key list`, or the whole one of restic.

    Refused for the key in use (key rotate replaces that), for one that a drill or another machine of the policy opens the repository
    with, and where no other is left that was ever proven.
    """
    from drtool.cli.render.keys import removed_lines  # noqa: PLC0415

    session = open_session(context)
    removed = session.app().key_remove(repository, key, anyway=anyway)
    session.answer("removed_key", removed, lambda: removed_lines(removed))
    return exits.SUCCEEDED


@command.command("rotate")
@click.argument("repository", metavar="REPOSITORY")
@click.pass_context
def rotate(context: click.Context, repository: str) -> int:
    """Replace the key in the policy's own key file by a fresh one and remove the old one from the repository.

    The old key goes last. Ended anywhere in between, the file still opens the repository; the same command goes on.
    """
    from drtool.cli.render.keys import rotated_lines  # noqa: PLC0415

    session = open_session(context)
    rotated = session.app().key_rotate(repository)
    session.answer("rotated_key", rotated, lambda: rotated_lines(rotated))
    return exits.SUCCEEDED
