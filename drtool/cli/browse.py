from __future__ import annotations

import os
import posixpath
import shlex
import sys
from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.ids import whole_point
from drtool.cli.options import LookVerb
from drtool.cli.session import open_session
from drtool.model.errors import DrtoolError, NotFound, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drtool.app.inside import Browse

_HELP = (
    "ls [PATH]         what lies there",
    "cd PATH           go there; .. goes up",
    "pwd               where you are",
    "get PATH [HERE]   copy a file or directory to this machine",
    "quit              leave",
    "A name with spaces stands in quotes: get 'my letter.txt'",
)


@click.command("browse", cls=LookVerb)
@click.argument("point", metavar="POINT")
@click.option("--path", default="/", show_default=True, metavar="PATH", help="Where to begin.")
@click.pass_context
def command(context: click.Context, point: str, path: str) -> int:
    """Walk through POINT line by line (ls, cd, get, quit), at a terminal or from a pipe; with --json only list PATH."""
    session = open_session(context)
    app = session.app()
    walk = _Walk(app.browse(whole_point(app, point)))
    walk.go(path)
    if session.options.json:
        session.answer("entries", walk.browse.folder(walk.place), list, unlisted=walk.browse.unlisted)
        return exits.SUCCEEDED
    session.note(walk.browse.unlisted)
    code = exits.SUCCEEDED
    asking = sys.stdin.isatty()
    if asking:
        screen.words([f"point {walk.browse.point.point} of {walk.browse.point.set}; help tells what can be typed"])
    for line in _lines(walk, asking=asking):
        try:
            if not walk.carry_out(line):
                break
        except DrtoolError as error:
            from drtool.cli.render.errors import error_lines  # noqa: PLC0415

            screen.words(error_lines(error, ends=not asking))
            code = code or exits.of_error(error)
    return exits.SUCCEEDED if asking else code


def _lines(walk: _Walk, *, asking: bool) -> Iterator[str]:
    while True:
        if asking:
            click.echo(f"{walk.place}> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        yield line


class _Walk:
    """Where somebody stands inside a point."""

    def __init__(self, browse: Browse) -> None:
        self.browse = browse
        self.place = "/"

    def go(self, path: str) -> None:
        target = self._at(path)
        entries = self.browse.folder(target)
        if len(entries) == 1 and entries[0].path == target:
            raise NotFound(f"{target} is no directory", hint="ls shows what is there")
        self.place = target

    def carry_out(self, line: str) -> bool:
        """Do what a line says; False when it says to leave."""
        from drtool.cli.render.listings import entry_line  # noqa: PLC0415

        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Refused(f"{line.strip()!r} cannot be read: {error}", hint="help") from None
        match words:
            case []:
                return True
            case ["quit" | "exit" | "q"]:
                return False
            case ["help" | "?"]:
                screen.data(_HELP)
            case ["pwd"]:
                screen.data([self.place])
            case ["ls", *rest] if len(rest) <= 1:
                screen.data(entry_line(entry) for entry in self.browse.folder(self._at(rest[0] if rest else ".")))
            case ["cd", *rest] if len(rest) <= 1:
                self.go(rest[0] if rest else "/")
            case ["get", path, *rest] if len(rest) <= 1:
                self._get(self._at(path), rest[0] if rest else posixpath.basename(self._at(path)))
            case _:
                raise Refused(f"{words[0]} is not understood so", hint="help tells what can be typed")
        return True

    def _get(self, path: str, here: str) -> None:
        from drtool.cli.render.words import counted, printable, size  # noqa: PLC0415

        if not here:
            raise Refused("the whole point is not taken out so", hint="drtool restore SET --to directory PATH")
        target = os.path.join(here, posixpath.basename(path)) if os.path.isdir(here) else here
        result = self.browse.take_out(path, target)
        screen.data([f"{printable(target)}: {counted(result.files, 'file')}, {size(result.bytes)}"])

    def _at(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.place, path)).replace("//", "/")
