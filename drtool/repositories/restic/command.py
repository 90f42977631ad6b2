"""Every restic command drtool can give, as values: arguments here, the address and its secrets in the environment only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drtool.model.command import Command
from drtool.model.secret import Secret
from drtool.ports import ArtifactRequest
from drtool.repositories.restic.address import Access
from drtool.repositories.restic.labels import MARK
from drtool.repositories.restic.versions import Version

_KIB = 1024
Arguments = tuple[str, ...]

LIST: Arguments = ("snapshots", "--json", "--no-lock")
LIST_UNDER_A_LOCK: Arguments = ("snapshots", "--json")
"""Writes a lock and removes it again, as every backup does: who can do this can write."""
CONFIG: Arguments = ("cat", "config", "--no-lock")
LOCKS: Arguments = ("list", "locks", "--no-lock")
UNLOCK: Arguments = ("unlock",)
PRUNE: Arguments = ("prune",)
KEYS: Arguments = ("key", "list", "--json", "--no-lock")
PACKS: Arguments = ("list", "packs", "--no-lock")


@dataclass(frozen=True, slots=True)
class Frame:
    """What every command of one repository shares; limits in bytes per second."""

    binary: str
    upload_limit: int | None = None
    download_limit: int | None = None

    def command(
        self,
        access: Access,
        arguments: Arguments,
        *,
        origin: Access | None = None,
        cache_directory: str | None = None,
        standard_input: bytes | None = None,
        timeout_seconds: float | None = None,
        nice: bool = False,
        still_seconds: float = 3600.0,
    ) -> Command:
        """Return the command that opens `reach` (and reads from `origin`) and carries out `arguments`."""
        environment = {**(origin.environment if origin else {}), **access.environment}
        environment["RESTIC_PROGRESS_FPS"] = "2"
        secrets: dict[str, Secret] = {**(origin.secrets if origin else {}), **access.secrets, "RESTIC_REPOSITORY": access.address}
        if origin is not None:
            secrets["RESTIC_FROM_REPOSITORY"] = origin.address
            secrets["RESTIC_FROM_PASSWORD"] = origin.secrets["RESTIC_PASSWORD"]
        return Command(
            argv=(
                self.binary,
                *(access.options or (origin.options if origin else ())),
                *(("--cache-dir", cache_directory) if cache_directory else ()),
                *_limit("--limit-upload", self.upload_limit),
                *_limit("--limit-download", self.download_limit),
                *arguments,
            ),
            environment=environment,
            secrets=secrets,
            standard_input=standard_input,
            timeout_seconds=timeout_seconds,
            nice=nice,
            still_seconds=still_seconds,
        )


def initialise(*, with_chunker: bool) -> Arguments:
    """Create the repository, with the chunker parameters of the origin so that equal data has equal blobs in both."""
    return ("init", "--json", *(("--copy-chunker-params",) if with_chunker else ()))


def backup_tree(artifact: ArtifactRequest, *, host: str, tags: Iterable[str]) -> Arguments:
    """Store a directory; the path comes after `--`."""
    return (
        *_backup(host, tags),
        *(f"--exclude={pattern}" for pattern in artifact.excludes),
        *(f"--exclude-if-present={name}" for name in artifact.exclude_if_present),
        *(("--exclude-caches",) if artifact.exclude_caches else ()),
        *(("--one-file-system",) if artifact.one_file_system else ()),
        *("--", artifact.path),
    )


def backup_stream(name: str, *, host: str, tags: Iterable[str]) -> Arguments:
    """Store standard input as one file of that absolute name."""
    return (*_backup(host, tags), "--stdin", "--stdin-filename", name)


def backup_unchanged(path: str, *, parent: str, host: str, tags: Iterable[str]) -> Arguments:
    """Store a file, named from where restic is started, that is in the parent with the same size and time of change: it is not read."""
    return (*_backup(host, tags), "--parent", parent, "--ignore-inode", "--ignore-ctime", "--", path)


def difference(first: str, second: str) -> Arguments:
    """Compare two snapshots by the names of what their files consist of."""
    return ("diff", "--json", "--no-lock", "--", first, second)


def restore(snapshot: str, directory: str, *, version: Version, paths: Iterable[str] = ()) -> Arguments:
    """Pour a snapshot, or only some paths of it, into a directory."""
    return (
        *("restore", "--no-lock"),
        *(("--json",) if version.restores_in_json else ()),
        *(("--sparse",) if version.restores_sparse else ()),
        *(f"--include={escaped(path)}" for path in paths),
        *("--target", directory, "--", snapshot),
    )


def dump(snapshot: str, path: str) -> Arguments:
    """Print one file."""
    return ("dump", "--no-lock", "--", snapshot, path)


def browse(snapshot: str, path: str, *, deep: bool = True, plain: bool = False) -> Arguments:
    """List what is inside; a path without `deep` gives only what lies directly in it; `plain` gives the names alone, as bytes."""
    return (
        "ls",
        "--quiet" if plain else "--json",
        "--no-lock",
        *(("--recursive",) if path and deep else ()),
        "--",
        snapshot,
        *((path,) if path else ()),
    )


def find(snapshots: Iterable[str], names: Iterable[str], *, ignore_case: bool) -> Arguments:
    """Look in snapshots for what fits patterns of names; of one that begins with `!` restic would leave that out."""
    return (
        *("find", "--json", "--no-lock"),
        *(("--ignore-case",) if ignore_case else ()),
        *(f"--snapshot={snapshot}" for snapshot in snapshots),
        *("--", *(f"\\{name}" if name.startswith("!") else name for name in names)),
    )


def mount(directory: str, *, point: str) -> Arguments:
    """Show the data of one point, each snapshot below the name of its source."""
    tags = f"{MARK},role=data,point={point}"
    return ("mount", "--no-lock", "--tag", tags, "--path-template", "%h/%i", "--", directory)


def check(*, snapshots: Iterable[str] = (), slice_of: tuple[int, int] | None = None) -> Arguments:
    """Read every byte, that of one slice, or (since 0.19) that of some snapshots; in JSON restic would not tell how far it is."""
    subset = f"--read-data-subset={slice_of[0]}/{slice_of[1]}" if slice_of else "--read-data"
    named = tuple(snapshots)
    return ("check", subset, *(("--", *named) if named else ()))


def check_structure(snapshots: Iterable[str] = ()) -> Arguments:
    """Look whether everything that is needed is listed, of all snapshots or (since 0.19) of some; no data is read."""
    named = tuple(snapshots)
    return ("check", "--no-lock", *(("--", *named) if named else ()))


def show_index(index: str) -> Arguments:
    """Print one file of the index."""
    return ("cat", "index", "--no-lock", "--", index)


def stored_bytes(snapshots: Iterable[str] = ()) -> Arguments:
    """Count the bytes that all snapshots, or some, are stored in."""
    named = tuple(snapshots)
    return ("stats", "--json", "--no-lock", "--mode", "raw-data", *(("--", *named) if named else ()))


def copy(snapshots: Iterable[str]) -> Arguments:
    """Copy snapshots from the origin, in this order."""
    return ("copy", "--", *snapshots)


def forget(snapshots: Iterable[str]) -> Arguments:
    """Remove snapshots by their ids; without any this must not be called."""
    return ("forget", "--", *snapshots)


def show_lock(lock: str) -> Arguments:
    """Print a lock."""
    return ("cat", "lock", "--no-lock", "--", lock)


def add_key(*, user: str, host: str) -> Arguments:
    """Add a key whose passphrase comes by standard input; `user` and `host` are all the label that a key has."""
    return ("key", "add", "--new-password-file", "/dev/stdin", f"--user={user}", f"--host={host}")


def remove_key(key: str) -> Arguments:
    """Remove a key by its id; the one in use cannot be removed."""
    return ("key", "remove", "--", key)


def escaped(path: str) -> str:
    """Return a pattern that matches exactly this path."""
    return "".join(f"\\{character}" if character in "\\*?[" else character for character in path)


def _backup(host: str, tags: Iterable[str]) -> Arguments:
    return ("backup", "--json", "--host", host, *(word for tag in tags for word in ("--tag", tag)))


def _limit(flag: str, bytes_per_second: int | None) -> Arguments:
    return (flag, str(max(1, bytes_per_second // _KIB))) if bytes_per_second else ()
