from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb
from drtool.cli.render.words import printable
from drtool.cli.session import open_session
from drtool.model.codec import encode

if TYPE_CHECKING:
    from drtool.app.looking import TravelledPolicy


@click.command("policy", cls=LookVerb)
@click.argument("point", metavar="POINT")
@click.option("--output", metavar="FILE", help="Write it into this new file instead of printing it.")
@click.pass_context
def command(context: click.Context, point: str, output: str | None) -> int:
    """Print the policy that travelled in POINT, as `drtool validate` reads it: read it before you use it.

    Commands and addresses in it came out of the repository. A point made with `policy_in_points: whole` has all of it.
    """
    from drtool.model.errors import Refused  # noqa: PLC0415

    session = open_session(context)
    app = session.app()
    travelled = app.policy_of(whole_point(app, point))
    text = travelled.text
    if output is None:
        session.answer("policy", encode(travelled), lambda: [printable(line) for line in text.removesuffix("\n").split("\n")])
        screen.words(_not_told(travelled))
        return exits.SUCCEEDED
    try:
        with open(output, "x", encoding="utf-8", opener=_private) as stream:
            stream.write(text)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        folder = os.path.dirname(output)
        is_missing = isinstance(error, FileNotFoundError) and bool(folder)
        hint = f"mkdir -p {shlex.quote(folder)}, then this again" if is_missing else "name a new file"
        raise Refused(f"{output} cannot be written: {words.lower()}", hint=hint, safe="nothing was changed") from None
    screen.words([f"{printable(output)} is written; read it, then: drtool validate --policy {printable(output)}", *_not_told(travelled)])
    return exits.SUCCEEDED


def _not_told(travelled: TravelledPolicy) -> list[str]:
    """Say which sets have points here and are not in the policy: each has its own part in its own points."""
    if not travelled.others:
        return []
    names = ", ".join(printable(name) for name in travelled.others)
    return [f"It tells of {', '.join(map(printable, travelled.sets))} only. Points of {names} have their own part: drtool policy SET"]


def _private(path: str, flags: int) -> int:
    import os  # noqa: PLC0415

    return os.open(path, flags, 0o600)
