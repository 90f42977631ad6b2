from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command, Completed, whole_number
from drtool.model.errors import Refused
from drtool.model.lying import lies_in
from drtool.model.quantity import spell_bytes
from drtool.ports import NearRunner, Runner
from drtool.trees import mounts, near
from drtool.trees.mounts import MountTables
from drtool.trees.near import DirectoryEntry as DirectoryEntry  # noqa: PLC0414 - whoever looks by this is told of entries

ENVIRONMENT: Final = {"LC_ALL": "C"}
"""Programs' words are compared, so they must not be translated."""

_STAT = r"%y\0%D\0%i\0%n\0%p\0"
LONGEST_FIELD_BYTES = 1 << 20
_GONE = (b"No such file or directory", b"Not a directory")
_MAKE_WHOLE = (
    'set -eu; umask 077; new="$1.new"; if [ -e "$new" ] || [ -L "$new" ]; then rm -f -- "$new"; fi; '
    'dd of="$new" bs=64k conv=excl,fsync status=none; mv -T -- "$new" "$1"; '
    'if [ "$#" -eq 1 ]; then exec sync -- "${1%/*}/"; fi; sync -- "${1%/*}/"; exec mkdir -m 700 -- "$2"'
)
_REMOVE_BOTH = 'rm -rf --one-file-system -- "$1" && exec rm -f -- "$2"'


@dataclass(frozen=True, slots=True)
class Standing:
    """The nearest directory above something that is there, or to be, and the device of what lies in it."""

    directory: str
    device: str


class FileSystem:
    """Small file system commands where a runner runs; names are bytes, kept in text as surrogate escapes.

    Every method raises Refused with the program's own words where the operating system says no. Where the runner is near, what only looks
    is answered by this process, and what changes anything is a command there too: it can be stopped, and whoever dies knows where.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.near = runner if isinstance(runner, NearRunner) else None

    def run(self, *argv: str, standard_input: bytes | None = None, timeout_seconds: float | None = None) -> Completed:
        """Run a command there in the C locale and return how it ended."""
        return self.runner.run(Command(argv, environment=ENVIRONMENT, standard_input=standard_input, timeout_seconds=timeout_seconds))

    def require(
        self, what: str, *argv: str, standard_input: bytes | None = None, hint: str = "", timeout_seconds: float | None = None
    ) -> bytes:
        """Run a command that must succeed and return what it printed; `what` says what was tried."""
        completed = self.run(*argv, standard_input=standard_input, timeout_seconds=timeout_seconds)
        if completed.exit_code != 0:
            raise Refused(f"{what} failed: {completed.said(300) or f'exit code {completed.exit_code}'}", hint=hint)
        return completed.standard_output

    def look(self, paths: Iterable[str]) -> dict[str, DirectoryEntry]:
        """Return what lies at each path; what does not exist is absent, what cannot be looked at is Refused."""
        wanted = tuple(dict.fromkeys(paths))
        if not wanted:
            return {}
        if self.near is not None:
            return self.near.look(lambda: near.look(wanted), what=f"looking at {wanted[0]}")
        completed = self.run("find", *wanted, "-maxdepth", "0", "-printf", _STAT)
        for line in completed.standard_error.splitlines():
            if line.startswith(b"find: ") and not line.endswith(_GONE) and b": " in line[6:]:
                raise Refused(f"cannot look at a place: {line[6:].decode('utf-8', 'replace')}")
        fields = [os.fsdecode(field) for field in completed.standard_output.split(b"\0")]
        groups = zip(*[iter(fields)] * 5, strict=False)
        found = {
            path: DirectoryEntry(kind, device, inode, whole_number(os.fsencode(names), f"how many names {path} has"))
            for kind, device, inode, names, path in groups
        }
        if not found.keys() <= set(wanted):
            raise Refused(f"{self.runner.name} was asked for {wanted[0]} and tells of something else", hint="look what answers there")
        return found

    def exists(self, path: str) -> bool:
        """Tell whether anything lies at `path`, a dangling link included."""
        return path in self.look((path,))

    def nearest_directory(self, path: str) -> str:
        """Return `path` or its nearest ancestor that exists; Refused when that is no directory."""
        return self.standings((path,))[path].directory

    def standings(self, paths: Iterable[str]) -> dict[str, Standing]:
        """Return for each path where it stands: itself or its nearest ancestor that exists; Refused when that is no directory."""
        wanted = tuple(dict.fromkeys(paths))
        found = self.look(name for path in wanted for name in way_to(path))
        return {path: standing_in(found, path) for path in wanted}

    def require_real_directories(self, base: str, path: str, *, all_present: bool) -> None:
        """Refuse unless every component below `base` and above `path` is a real directory (missing ones pass on request)."""
        require_real(self.look(between(base, path)), between(base, path), all_present=all_present)

    def is_empty_directory(self, path: str) -> bool:
        """Tell whether `path` is a real directory with nothing in it."""
        if self.near is not None:
            return self.near.look(lambda: near.is_empty_directory(path), what=f"looking at {path}")
        completed = self.run("find", path, "-maxdepth", "0", "-type", "d", "-empty", "-printf", "x")
        return completed.standard_output == b"x"

    def free_bytes(self, path: str) -> int:
        """Return the bytes this user may still write on the file system of `path`."""
        if self.near is not None:
            return self.near.look(lambda: near.free_bytes(path), what=f"asking for the free space of {path}")
        output = self.require(f"asking for the free space of {path}", "df", "--output=avail", "-B1", "--", path)
        return whole_number(output.split()[-1] if output.strip() else b"", f"the free space of {path}")

    def require_space(self, path: str, needed: int, *, hint: str = "") -> None:
        """Refuse when fewer than `needed` bytes are free at `path`."""
        free = self.free_bytes(path)
        if free < needed:
            raise Refused(
                f"{path} has {spell_bytes(free)} free and {spell_bytes(needed)} are needed",
                hint=hint or "free space there, take less (--workload, --path), or restore with: --to directory PATH",
                safe="nothing was written",
            )

    def mounts_within(self, path: str) -> tuple[str, ...]:
        """Return the mount points at or below `path` (bind mounts too)."""
        return mounts.points_within(self.mount_tables(path), path)

    def mount_tables(self, path: str) -> MountTables:
        """Return what is mounted, here and for each process that may be looked at, as asked where `path` lies."""
        parent = posixpath.dirname(path)
        if self.near is not None:
            return self.near.look(lambda: near.mount_tables(parent), what="reading the mount table")
        return mounts.tables_of(self.require("reading the mount table", "sh", "-c", mounts.MOUNTS, "drtool", parent))

    def make_directory(self, path: str, *, private: bool = False) -> None:
        """Make one new directory; Refused when anything is there already."""
        mode = ("-m", "700") if private else ()
        self.require(f"making {path}", "mkdir", *mode, "--", path)

    def make_parents(self, path: str) -> None:
        """Make the missing directories above `path`."""
        self.require(f"making the directories above {path}", "mkdir", "-p", "--", posixpath.dirname(path))

    def write(self, path: str, content: bytes, *, then_make: str = "") -> None:
        """Write a small file whole or not at all, readable by this user only; once it is on its disk, make a new directory as private.

        Refused, with the file written, when anything stands where that directory should be.
        """
        what = f"writing {path}" + (f" and making {then_make}" if then_make else "")
        made = (then_make,) if then_make else ()
        self.require(what, "sh", "-c", _MAKE_WHOLE, "drtool", path, *made, standard_input=content)

    def remove_file(self, path: str) -> None:
        """Remove one file; already gone is success."""
        self.require(f"removing {path}", "rm", "-f", "--", path)

    def remove_empty_directory(self, path: str) -> None:
        """Remove one empty directory; already gone is success."""
        completed = self.run("rmdir", "--", path)
        if completed.exit_code != 0 and self.exists(path):
            raise Refused(f"removing {path} failed: {completed.said(300)}")

    def remove_tree(self, path: str, *, label: str = "") -> None:
        """Remove a tree without crossing into another file system or following a link, then its label; already gone is success.

        Refused while anything is mounted in it, or it elsewhere: what is bound from the same file system has no device number of its own.
        """
        self.refuse_mounted(path)
        both = ("sh", "-c", _REMOVE_BOTH, "drtool", path, label)
        removal = both if label else ("rm", "-rf", "--one-file-system", "--", path)
        if self.run(*removal).exit_code == 0:
            return
        # restored directories may forbid their owner to change them
        self.run("find", path, "-xdev", "-type", "d", "-exec", "chmod", "u+rwx", "--", "{}", "+")
        completed = self.run(*removal)
        if completed.exit_code != 0:
            raise Refused(f"removing {path} failed: {completed.said(300) or completed.exit_code}", hint=_why_it_stays(path, completed))

    def refuse_mounted(self, path: str) -> None:
        """Refuse to remove a tree in which something is mounted, or that is mounted elsewhere."""
        mounts.refuse_removal(self.mount_tables(path), path)

    def settle(self, path: str) -> None:
        """Return when the file system of `path` has everything on its disk."""
        self.require(f"flushing the file system of {path}", "sync", "-f", "--", path)

    def settle_directories(self, paths: Iterable[str]) -> None:
        """Return when what was renamed in these directories is on their disk."""
        names = tuple(paths)
        self.require(f"flushing {names[0]}", "sync", "--", *names)

    def stream(self, command: Command, take: Callable[[bytes], None]) -> Completed:
        """Run a command whose NUL-terminated fields are handed over one by one; memory stays bounded."""
        rest = b""

        def consume(chunk: bytes) -> None:
            nonlocal rest
            *fields, rest = (rest + chunk).split(b"\0")
            if len(rest) > LONGEST_FIELD_BYTES:
                raise Refused(f"{command.argv[0]} on {self.runner.name} prints without end", hint="look what answers there")
            for field in fields:
                take(field)

        return self.runner.pipe(command, consume=consume).command


def ancestors(path: str) -> tuple[str, ...]:
    """Return the directories above an absolute path, the nearest first, `/` last."""
    found = []
    while path != "/":
        path = posixpath.dirname(path)
        found.append(path)
    return tuple(found)


def inside_of(directory: str) -> str:
    """Return the name by which the inside of a directory is looked at, through a link that leads to it; it names nothing else."""
    return f"{directory.rstrip('/')}/."


def way_to(path: str) -> tuple[str, ...]:
    """Return the names to look at so that `standing_in` can tell where a path stands."""
    return tuple(name for item in (path, *ancestors(path)) for name in (item, inside_of(item)))


def standing_in(found: Mapping[str, DirectoryEntry], path: str) -> Standing:
    """Return where a path stands, by what was found on the way to it; Refused when its nearest ancestor that exists is no directory."""
    nearest = next((candidate for candidate in (path, *ancestors(path)) if candidate in found), "/")
    if inside_of(nearest) not in found:  # a link may lead to one
        raise Refused(f"{nearest} is not a directory", hint="move it away, or restore with: --to directory PATH")
    return Standing(nearest, found[inside_of(nearest)].device)


def between(base: str, path: str) -> tuple[str, ...]:
    """Return the directories above `path` and below `base`, the nearest first; none where it lies elsewhere."""
    return tuple(item for item in ancestors(path) if item != base and lies_in(item, base))


def require_real(found: Mapping[str, DirectoryEntry], directories: Iterable[str], *, all_present: bool) -> None:
    """Refuse unless all of these, as they were found, are real directories (missing ones pass on request)."""
    for item in directories:
        if item not in found and not all_present:
            continue
        if item not in found or found[item].type != "d":
            raise Refused(
                f"{item} is not a real directory", hint="a link could lead anywhere: look who put it there", safe="nothing was moved"
            )


def require_plain(path: str) -> str:
    """Return `path`; Refused unless it is absolute and normalised, without `..`, NUL or a double slash."""
    if not path.startswith("/") or path.startswith("//") or "\0" in path or posixpath.normpath(path) != path:
        raise Refused(f"{path!r} is not a plain absolute path", hint="write it from / on, without .. and without a slash at the end")
    return path


def below(base: str, path: str) -> str:
    """Return absolute `path` as it lies inside the directory `base`."""
    return base.rstrip("/") + path if path != "/" else base


def _why_it_stays(path: str, completed: Completed) -> str:
    if b"Operation not permitted" in completed.standard_error:  # not "Permission denied": neither its owner nor root may
        shown = shlex.quote(path)
        return f"something in it may not be changed, see `lsattr -R {shown}`; then: chattr -R -i -a {shown}, and drtool sweep"
    return "look whether something is mounted in it"
