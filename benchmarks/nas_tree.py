"""Five datasets with what a NAS has: many small files, a large one, holes, attributes, access lists, links; changed and compared."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

CHUNK = 1 << 20
FOLDER = 500
SMALL = 700
HOLE = 256 << 20
_TELL = (
    "find . -xdev ! -type l -print0 | sort -z | xargs -0r getfacl -n --",
    "find . -xdev -type f -print0 | sort -z | xargs -0r sha256sum",
)
_RSYNC = ("rsync", "-aHAXnc", "-x", "--delete", "--itemize-changes")


def fill(places: Sequence[Path], *, files: int, large: int) -> int:
    """Fill the mounted datasets (top, home, media, odd, inner) and return the bytes of their files."""
    top, home, media, odd, inner = places
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    (top / "read-me").write_text("the top\n")
    for number in range(files):
        folder = home / f"folder {number // FOLDER:04}"
        if number % FOLDER == 0:
            folder.mkdir()
        (folder / f"file {number}").write_bytes(chance.randbytes(chance.randrange(SMALL)))
    with (media / "large").open("wb") as stream:
        while stream.tell() < large:
            stream.write(chance.randbytes(min(CHUNK, large - stream.tell())))
    _fill_odd(odd, inner)
    return sum(item.stat().st_size for place in places[1:3] for item in place.rglob("*") if item.is_file())


def change(places: Sequence[Path]) -> None:
    """Change about one in a hundred of the small files, and one in a hundred bytes of the large one."""
    _top, home, media, _odd, _inner = places
    chance = random.Random(6)  # noqa: S311
    every = sorted(item for item in home.rglob("*") if item.is_file())
    for item in every[::100]:
        item.write_bytes(chance.randbytes(SMALL))
    with (media / "large").open("r+b") as stream:
        size = os.fstat(stream.fileno()).st_size
        stream.seek(size // 2)
        stream.write(chance.randbytes(size // 100))


def keep(places: Sequence[Path], copies: Sequence[Path]) -> None:
    """Keep a true copy of each dataset by itself, and beside it what is told of its access lists and content."""
    for place, target in zip(places, copies, strict=True):
        target.mkdir(parents=True)
        subprocess.run(("rsync", "-aHAXSx", f"{place}/", f"{target}/"), check=True)  # noqa: S607 - found on PATH
        for number, script in enumerate(_TELL):
            target.with_suffix(f".told-{number}").write_bytes(_told(script, place))


def compare(places: Sequence[Path], copies: Sequence[Path]) -> list[str]:
    """Return every difference: content, attributes, access lists, links, times, owners."""
    problems = []
    for place, kept in zip(places, copies, strict=True):
        listed = subprocess.run((*_RSYNC, f"{place}/", f"{kept}/"), check=True, capture_output=True, text=True, errors="replace")
        problems += [f"{place.name}: {line}" for line in listed.stdout.splitlines() if line]
        for number, script in enumerate(_TELL):
            before, now = kept.with_suffix(f".told-{number}").read_bytes(), _told(script, place)
            changed = set(before.splitlines()) ^ set(now.splitlines())
            problems += [f"{place.name}: {script.rpartition('|')[2].strip()}: {sorted(changed)[:3]!r}"] if before != now else []
    return problems


def _told(script: str, place: Path) -> bytes:
    return subprocess.run(script, shell=True, cwd=place, check=True, capture_output=True).stdout  # noqa: S602 - our own words


def holes(places: Sequence[Path]) -> int:
    """Return the bytes that the file with holes takes up."""
    return (places[3] / "holes").stat().st_blocks * 512


def _fill_odd(odd: Path, inner: Path) -> None:
    for number in range(50):
        item = odd / f"attribute {number}"
        item.write_text(f"{number}\n")
        os.setxattr(item, "user.colour", f"blue {number}".encode())
        os.setxattr(item, "user.bytes", bytes(range(256)))
    os.setxattr(inner, "user.root", b"of a dataset")
    shared = odd / "shared"
    shared.mkdir()
    (shared / "list").write_text("access\n")
    for words in (("u:1234:rwx,g:4321:r-x", shared), ("u:1234:r--,m::rw-", shared / "list")):
        subprocess.run(("setfacl", "-m", words[0], str(words[1])), check=True)  # noqa: S607 - found on PATH
    subprocess.run(("setfacl", "-d", "-m", "u:1234:rwx", str(shared)), check=True)  # noqa: S607 - found on PATH
    with (odd / "holes").open("wb") as stream:
        stream.truncate(HOLE)
        for place in range(0, HOLE, HOLE // 8):
            stream.seek(place)
            stream.write(b"not a hole")
    os.link(odd / "attribute 0", odd / "hard link")
    (odd / "symbolic link").symlink_to("attribute 1")
    (odd / "nowhere").symlink_to("/does/not/exist")
    os.mkfifo(odd / "fifo")
    (odd / "new\nline").write_text("x")
    (odd / os.fsdecode(b"not \xff utf-8")).write_text("x")
    item = odd / "owned"
    item.write_text("x")
    os.chown(item, 1234, 4321)
    item.chmod(0o4750)
    os.utime(item, ns=(1, 1_234_567_890_000_000_000))
    shutil.copytree(shared, inner / "shared")
    (inner / "deep").mkdir(mode=0o1777)
    os.utime(inner, ns=(1, 1_111_111_111_000_000_000))
