from __future__ import annotations

import click

from drtool.cli import exits, screen
from drtool.cli.options import Verb


@click.command("completion", cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script of a shell: eval "$(drtool completion bash)"."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this click knows no completion for {shell}")
    completion = kind(context.find_root().command, {}, "drtool", "_DRTOOL_COMPLETE")
    # Not `source()`: it starts a shell only to ask for its version.
    screen.data([completion.source_template % completion.source_vars()])
    return exits.SUCCEEDED
