from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drtool.sources.truenas.datasets.dataset import VOLUME, Dataset
from drtool.sources.truenas.keys.encryption import PASSPHRASE

FILES: Final = "files"
BLOCKS: Final = "blocks"
EXACT: Final = "exact"
STREAMS: Final = (BLOCKS, EXACT)

_ADD: Final = "give the source the NAS as an SSH destination (`ssh:`)"


@dataclass(frozen=True, slots=True)
class ExportMethod:
    """How a dataset is read: `files`, `blocks` or `exact`, the words for it with the reason, and why it cannot be."""

    name: str
    why: str
    problem: str = ""


def choose_way(dataset: Dataset, *, exact: int, shell: bool, files: str) -> ExportMethod:
    """Choose how a dataset is read; `files` says how files of this NAS are, `exact` of how many exact streams a point may consist.

    Nothing else is taken where the chosen way is barred: then `problem` says by what, and what to do.
    """
    if dataset.type == VOLUME:
        why = "raw blocks of a clone over SSH: a volume has no files" + (", and its blocks are exact" if exact else "")
        return ExportMethod(BLOCKS, why, _problem_of_volume(dataset, shell=shell))
    if exact:
        why = "exact stream over SSH: asked for by the policy; "
        why += "it never shares data with an earlier one" if exact == 1 else f"what changed is added to earlier ones, up to {exact} in all"
        lacks = f"{dataset.id} shall be stored as an exact stream: {_ADD}, or leave out `exact`"
        return ExportMethod(EXACT, why, "" if shell else lacks)
    return ExportMethod(FILES, f"files of a clone, read {files}", _problem_of_files(dataset))


def _problem_of_volume(dataset: Dataset, *, shell: bool) -> str:
    if not shell:
        return f"{dataset.id} is a volume, which has no files to read: {_ADD}, or leave it out with `exclude`"
    return _locked(dataset) if dataset.locked else ""


def _problem_of_files(dataset: Dataset) -> str:
    if dataset.locked:
        return _locked(dataset)
    return "" if dataset.mountpoint else f"{dataset.id} is not mounted on the NAS"


def _locked(dataset: Dataset) -> str:
    what = "a passphrase" if dataset.key_form == PASSPHRASE else "a key"
    opened = f"{what} opens it" if dataset.encryption_root == dataset.id else f"{what} of {dataset.encryption_root} opens it"
    return f"{dataset.id} is locked ({opened}): unlock it on the NAS, or leave it out with `exclude`"
