"""A nasty directory tree, and the judgement whether two trees are the same."""

import os
import random
import subprocess
from pathlib import Path

from tests.rig.missing import MissingToolError, tool

_NASTY_NAMES = (
    b"with space",
    b" leading and trailing space ",
    b"-leading-dash",
    b"--",
    b"new\nline",
    b"tab\tand\rreturn",
    b"invalid \xff\xfe utf-8",
    "umlaut \u00fc".encode(),
    "umlaut u\u0308".encode(),  # looks the same, is another file
    b"glob *?[a-z]{x,y}",
    b"'single' and \"double\"",
    b"back\\slash $HOME `id` ; &",
    b".hidden",
    b"#",
    b"n" * 255,
)
_MODES = (0o644, 0o600, 0o444, 0o755, 0o4755, 0o2711)
_ROOTS_MODES = (0o000, 0o200)  # unreadable to anybody else
_YEAR_2001 = 1_000_000_000_123_456_789
_YEARS = 20 * 365 * 86400 * 10**9


def make_tree(path: Path, *, files: int = 30, seed: int = 0) -> None:
    """Fill a new directory with everything a backup likes to lose; the same seed gives the same tree."""
    chance = random.Random(seed)  # noqa: S311 repeatable, not secret
    path.mkdir(parents=True)
    _make_files(path, files=files, chance=chance)
    _make_special_files(path, chance=chance)
    _make_extended(path)
    if os.geteuid() == 0:
        _give_owners(path, chance=chance)
    _set_modes(path)
    _set_times(path, chance=chance)


def assert_same(expected: Path, actual: Path) -> None:
    """Raise AssertionError with the difference, as rsync and getfacl see it, in whichever direction it shows."""
    differences = [
        *_changes(expected, actual),  # what would have to be done to the second to make it the first
        *_changes(actual, expected),  # rsync does not see everything that the second has too much, such as a link
        *_changed_lists(expected, actual),
    ]
    if differences:
        raise AssertionError(f"{expected} and {actual} differ:\n" + "\n".join(differences))


def _make_files(root: Path, *, files: int, chance: random.Random) -> None:
    for number in range(files):
        folder = root / "plain" / f"folder {number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file {number}").write_bytes(chance.randbytes(chance.choice((0, 1, 100, 5000, 70_000))))
    for raw_name in _NASTY_NAMES:
        name = os.fsdecode(raw_name)
        folder = root / "names" / name
        folder.mkdir(parents=True)
        (folder / name).write_bytes(raw_name)


def _make_special_files(root: Path, *, chance: random.Random) -> None:
    special = root / "special"
    (special / "empty folder").mkdir(parents=True)
    (special / "empty").touch()
    original = special / "linked"
    original.write_bytes(chance.randbytes(2000))
    (special / "linked here").hardlink_to(original)
    (root / "names" / "linked there").hardlink_to(original)
    (special / "equal but not linked").write_bytes(original.read_bytes())
    with (special / "sparse").open("wb") as sparse:
        sparse.write(b"start")
        sparse.seek(8 * 1024 * 1024)
        sparse.write(b"middle")
        sparse.truncate(16 * 1024 * 1024)
    (special / "symlink").symlink_to("linked")
    (special / "symlink to folder").symlink_to("empty folder")
    # Not with bytes that are no UTF-8: restic 0.14 replaces those in a link's target (not in a name) and says nothing.
    (special / "dangling").symlink_to("/nowhere/new\nline")
    (special / "loop").symlink_to(".")
    os.mkfifo(special / "fifo")


def _make_extended(root: Path) -> None:
    extended = root / "extended"
    (extended / "default access list").mkdir(parents=True)
    for name in ("attributes", "access list"):
        (extended / name).write_text(name)
    try:
        os.setxattr(extended, "user.drtool.folder", b"value")
        os.setxattr(extended / "attributes", "user.drtool.text", b"value")
        os.setxattr(extended / "attributes", "user.drtool.bytes", bytes(range(256)))
        os.setxattr(extended / "attributes", "user.drtool.empty", b"")
    except OSError as error:
        raise MissingToolError(f"the file system of {root} has no extended attributes: {error}") from None
    setfacl = [tool("setfacl", package="acl"), "-m"]
    subprocess.run([*setfacl, "u:4321:rw,g:8765:r,m::rw", extended / "access list"], check=True)
    subprocess.run([*setfacl, "u:4321:rwx,d:u:4321:rx,d:g:8765:-", extended / "default access list"], check=True)


def _give_owners(root: Path, *, chance: random.Random) -> None:
    for entry in _entries(root):
        os.chown(entry, chance.choice((0, 1000, 12345)), chance.choice((0, 1000, 54321)), follow_symlinks=False)


def _set_modes(root: Path) -> None:
    """After the owners, whose change clears the set-id bits."""
    modes = _MODES + (_ROOTS_MODES if os.geteuid() == 0 else ())
    folder = root / "plain" / "folder 0"
    for number, file in enumerate(sorted(folder.iterdir())):
        file.chmod(modes[number % len(modes)])
    folder.chmod(0o2750)
    (root / "special" / "empty folder").chmod(0o1777)


def _set_times(root: Path, *, chance: random.Random) -> None:
    """Last of all, and folders after what is in them: every change inside touches them."""
    for entry in _entries(root):
        moment = _YEAR_2001 + chance.randrange(_YEARS)
        os.utime(entry, ns=(moment, moment), follow_symlinks=False)


def _entries(root: Path) -> list[Path]:
    """Everything below and including the root, in a fixed order, folders after their content."""
    return [*sorted(root.rglob("*"), reverse=True), root]


def _changes(source: Path, target: Path) -> list[str]:
    """What rsync would do, down to the nanosecond, to make the target like the source."""
    return _lines(
        tool("rsync", package="rsync"),
        *("-aHAXnc", "--numeric-ids", "--modify-window=-1", "--delete", "--itemize-changes"),
        *("--", f"{source}/", f"{target}/"),
    )


def _changed_lists(expected: Path, actual: Path) -> list[str]:
    wanted, found = (_access_lists(path) for path in (expected, actual))
    return [f"only in {expected}: {block!r}" for block in sorted(wanted - found)] + [
        f"only in {actual}: {block!r}" for block in sorted(found - wanted)
    ]


def _access_lists(root: Path) -> set[str]:
    """One block of getfacl's output for each file; the order of its own output is the directory's."""
    output = _lines(tool("getfacl", package="acl"), *("-R", "-P", "-n", "--", "."), directory=root)
    return {block.strip("\n") for block in "\n".join(output).split("\n\n")}


def _lines(*arguments: str, directory: Path | None = None) -> list[str]:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    result = subprocess.run(arguments, cwd=directory, env=environment, capture_output=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{arguments[0]} ended with {result.returncode}: {result.stderr.decode(errors='replace')}")
    return result.stdout.decode(errors="backslashreplace").splitlines()
