from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from drtool.model.errors import DrtoolError, Interrupted
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.datasets.labels import spell_expiry
from drtool.sources.truenas.inventory.parts import Parts
from drtool.trees.filesystem import FileSystem

_TELL: Final = r"%m %U %G %T@ %p\0"
_FIND: Final = f'cd "$1"; shift; find "$@" -maxdepth 0 -type d -printf \'{_TELL}\''
_PUT_BACK: Final = (
    'set -eu; cd "$1"; shift; while [ $# -gt 0 ]; do if [ "$1" = . ] || [ -n "$(find "$1" -maxdepth 0 -type d -empty)" ]; then '
    'chown "$3:$4" -- "$1"; chmod "$2" -- "$1"; touch -m -d "@$5" -- "$1"; fi; shift 5; done'
)
_BATCH: Final = 500


@contextlib.contextmanager
def unchanged_around(parts: Parts, dataset: Dataset, below: Sequence[Dataset]) -> Iterator[None]:
    """Put back what moving others below a dataset changes in it: the directories they cover are made anew, and so is its own time.

    Nothing is lost where that cannot be done: those are times and modes of empty directories, and the checks tell.
    """
    if not below:
        yield
        return
    run = dataset.marks.get("run", "") or "cutover"
    told = _told(parts, dataset, below, run=run)
    yield
    with contextlib.suppress(DrtoolError):
        _put_back(parts, dataset, told, run=run)


def _told(parts: Parts, dataset: Dataset, below: Sequence[Dataset], *, run: str) -> list[tuple[str, ...]]:
    """Return name, mode, owner, group and time of each directory that will be covered, and at last of the dataset's root (`.`)."""
    names = [*(f"./{item.id.rpartition('/')[2]}" for item in below), "."]
    found = []
    try:
        with _seen_alone(parts, dataset, run=run) as (files, path):
            for start in range(0, len(names), _BATCH):
                listed = files.run("sh", "-c", _FIND, "drtool", path, *names[start : start + _BATCH])
                found += [record.decode("utf-8", "surrogateescape").split(" ", 4) for record in listed.standard_output.split(b"\0")[:-1]]
    except Interrupted:
        raise
    except DrtoolError:
        return []
    recorded = dataset.marks.get("changed")
    return [(name, mode, user, group, recorded if recorded and name == "." else changed) for mode, user, group, changed, name in found]


def _put_back(parts: Parts, dataset: Dataset, told: list[tuple[str, ...]], *, run: str) -> None:
    if not told:
        return
    with _seen_alone(parts, dataset, run=run) as (files, path):
        for start in range(0, len(told), _BATCH):
            words = [word for facts in told[start : start + _BATCH] for word in facts]
            files.require(f"putting back the times of {path}", "sh", "-c", _PUT_BACK, "drtool", path, *words)


@contextlib.contextmanager
def _seen_alone(parts: Parts, dataset: Dataset, *, run: str) -> Iterator[tuple[FileSystem, str]]:
    file_access = parts.file_access()
    with file_access.alone(dataset, run=run, expires=spell_expiry(parts.clock.now())) as path:
        yield file_access.files, path
