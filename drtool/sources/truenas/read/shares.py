from __future__ import annotations

from typing import Any

from drtool.model.bounds import told_machine
from drtool.model.errors import NotFound
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.datasets.labels import PREFIX, Label
from drtool.sources.truenas.inventory.parts import Parts


def comment_of(label: Label) -> str:
    """Return a label as the comment of a share, the only place there is for one."""
    return f"{PREFIX} " + " ".join(f"{name}={value}" for name, value in label.words().items())


def read_comment(comment: str) -> Label | None:
    """Read the label off a share's comment, None where it has none."""
    head, *words = comment.split(" ")
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    if head != PREFIX or not {"what", "by", "source"} <= pairs.keys():
        return None
    machine = told_machine(pairs.get("machine"))
    return Label(pairs["what"], pairs["by"], pairs["source"], pairs.get("run", ""), pairs.get("expires", ""), machine=machine)


def own_shares(parts: Parts, path: str = "") -> tuple[tuple[dict[str, Any], Label], ...]:
    """Return the NFS shares of the NAS that carry a label of this policy and source: of one path, or all."""
    rows = parts.client.read("sharing.nfs.query", [["comment", "^", f"{PREFIX} "], *([["path", "=", path]] if path else [])])
    labelled = ((row, read_comment(str(row.get("comment") or ""))) for row in rows)
    return tuple((row, label) for row, label in labelled if label is not None and (label.by, label.source) == (parts.by, parts.name))


def remove_share(parts: Parts, number: int) -> None:
    """Remove one share; already gone is success."""

    def is_gone() -> bool:
        return not parts.client.read("sharing.nfs.query", [["id", "=", number]])

    try:
        parts.client.change("sharing.nfs.delete", number, look=is_gone)
    except NotFound:
        return


def remove_shares(parts: Parts, dataset: Dataset) -> None:
    """Unmount a dataset here, and remove the shares of ours that point at it."""
    file_access = parts.file_access()
    file_access.close(dataset)
    if file_access.shares:
        for row, _label in own_shares(parts, dataset.mountpoint):
            remove_share(parts, int(row["id"]))
