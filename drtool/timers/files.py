"""Compares files that wake drtool with what they have to be, and writes them; nothing is touched that does not bear our mark."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable
from typing import Final

from drtool.model.errors import Refused
from drtool.model.timer import Change, FileChange, TimerFile
from drtool.timers.systemd import MARK

_MODE: Final = 0o644
_BEGUN: Final = re.compile(r"(.+)\.[0-9a-f]+\.new")
_ASKS: Final = re.compile(r": ask every (\d{1,2}) minutes what is due$|^(\d[\d,]*) \* \* \* \* root sleep ", re.MULTILINE)
"""How a timer of systemd and a line of cron say how often they ask."""
_POLICY: Final = re.compile(r"""--policy ("(?:[^"\\]|\\.)*"|(?:'[^']*'|"'"|\S)+)""")
"""With what systemd or cron hands over: the one quotes by double quotes, the other by single ones."""


def compare(folder: str, wanted: Iterable[TimerFile], *, names: Iterable[str]) -> tuple[FileChange, ...]:
    """Return what has to change in a folder; of all `names` that a policy's files may have, those that are not wanted go if they are ours.

    What an install that was killed had begun to write goes, too. Raises Refused for what somebody else put under a name of ours.
    """
    names = {*names}
    found = []
    kept = set()
    for file in wanted:
        path = os.path.join(folder, file.name)
        kept.add(file.name)
        before = _read(path)
        if before is not None and not before.startswith(MARK):
            raise Refused(f"{path} is there, and was not written by drtool", hint="move it away", safe="nothing was changed")
        change = Change.ADD if before is None else Change.SAME if before == file.text else Change.CHANGE
        others = _policies(before or "")
        found.append(FileChange(path, change, before or "", file.text, of="" if others == _policies(file.text) else others))
    for name in sorted(names - kept):
        path = os.path.join(folder, name)
        before = _read(path) if stat.S_ISREG(_mode(path)) else None
        if before is not None and before.startswith(MARK):
            found.append(FileChange(path, Change.REMOVE, before))
    found += [FileChange(path, Change.REMOVE, text) for path, text in _begun(folder, names | kept)]
    return tuple(found)


def every_of(folder: str, names: Iterable[str]) -> int | None:
    """Return every how many seconds what is installed under one of the names asks; None: nothing of ours is there, or it does not say."""
    for name in names:
        text = _read(os.path.join(folder, name)) or ""
        found = _ASKS.search(text) if text.startswith(MARK) else None
        if found is not None:
            return int(found[1]) * 60 if found[1] else 3600 // len(found[2].split(","))
    return None


def calling(folder: str, names: Iterable[str], policy_paths: Iterable[str]) -> str:
    """Return the path of a timer of ours under one of the names that calls with these files of a policy; empty: there is none.

    What somebody else put under such a name calls nothing, and is no reason to refuse.
    """
    texts = ours(folder, names)
    if not all(any(path in text for text in texts.values()) for path in policy_paths):
        return ""
    return next((path for path, text in texts.items() if _ASKS.search(text)), "")


def ours(folder: str, names: Iterable[str]) -> dict[str, str]:
    """Return what drtool wrote under the names, by path."""
    found = {}
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(Refused):
            text = _read(path) or ""
            if text.startswith(MARK):
                found[path] = text
    return found


def _policies(text: str) -> str:
    """Return with which files of a policy a unit or a line of cron calls drtool, as it spells them."""
    line = next((line for line in text.splitlines() if " --policy " in line), "")
    return " ".join(match[0] for match in _POLICY.finditer(line))


def _begun(folder: str, names: set[str]) -> list[tuple[str, str]]:
    """Return what was begun to be written under one of the names, by the names that `_write` gives, with its text."""
    there: list[str] = []
    with contextlib.suppress(OSError):
        there = sorted(os.listdir(folder))
    begun = []
    for name in there:
        match = _BEGUN.fullmatch(name)
        path = os.path.join(folder, name)
        if match is not None and match[1] in names and stat.S_ISREG(_mode(path)):
            text = _read(path) or ""
            if text.startswith(MARK) or MARK.startswith(text):
                begun.append((path, text))
    return begun


def carry_out(changes: Iterable[FileChange]) -> None:
    """Write and remove; each file is whole at any moment. Raises Refused where that may not be done."""
    for change in changes:
        try:
            if change.change is Change.REMOVE:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(change.path)
            elif change.change is not Change.SAME:
                _write(change.path, change.after)
        except OSError as error:
            raise Refused(
                f"{change.path} cannot be written: {error.strerror}",
                hint="become root, or use --user for timers of your own",
                safe="what was written before is whole, and the same call goes on",
            ) from None


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.urandom(8).hex()}.new"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), _MODE)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _mode(path: str) -> int:
    """Return what lies at a path, a link as itself; 0: nothing, or nobody may look."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _read(path: str) -> str | None:
    """Return a file's text; None where there is none. Refused for what is no file: it is somebody else's."""
    mode = _mode(path)
    if stat.S_ISLNK(mode) and os.path.realpath(path) == os.devnull:
        name = os.path.basename(path)
        raise Refused(
            f"{path} is masked: somebody told systemd never to start it",
            hint=f"systemctl unmask {name} (with --user for timers of your own), then this again",
            safe="nothing was changed",
        )
    if mode and not stat.S_ISREG(mode):
        raise Refused(f"{path} is no file, and was not written by drtool", hint="move it away", safe="nothing was changed")
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 20)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}", hint="look at it", safe="nothing was changed") from None
