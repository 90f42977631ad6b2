"""What a look at the inventory remembers: whole, private, and a cache."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.catalog.seen_names import SeenWorkloads
from drtool.model.ledger import PROBLEM, UNPROTECTED, InventoryLine, Ledger

SEEN = {"nas": frozenset({"nas:tank", "nas:tank/\udcff\x1b"}), "here": frozenset[str]()}
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LOOK = Ledger((InventoryLine("nas:tank", "nas", "", UNPROTECTED),), seen=SEEN)


def test_what_was_seen_is_remembered_by_policy(tmp_path: Path) -> None:
    book = SeenWorkloads(str(tmp_path / "state"), by="homelab")
    assert (book.load(), book.unprotected()) == ({}, None)
    book.keep(LOOK, NOW)
    again = SeenWorkloads(str(tmp_path / "state"), by="homelab")
    assert (again.load(), again.unprotected()) == (SEEN, (1, NOW))
    assert SeenWorkloads(str(tmp_path / "state"), by="another").load() == {}
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_the_last_look_counts(tmp_path: Path) -> None:
    book = SeenWorkloads(str(tmp_path), by="homelab")
    book.keep(LOOK, NOW)
    book.keep(Ledger((InventoryLine("", "nas", "", PROBLEM),)), NOW)
    assert (book.load(), book.unprotected()) == ({}, None), "what is not known is no number"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[]",
        b'{"format": "drtool.seen/1"}',
        b'{"format": "drtool.seen/1", "sources": [1], "unprotected": 1, "looked": "2026-11-23T14:00:00"}',
        b'{"format": "drtool.seen/1", "unprotected": "many", "looked": "2026-11-23T14:00:00Z"}',
        b"\xff",
    ],
)
def test_a_damaged_one_is_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "inventory-homelab.json").write_bytes(damage)
    book = SeenWorkloads(str(tmp_path), by="homelab")
    assert (book.load(), book.unprotected()) == ({}, None)
    book.keep(LOOK, NOW)
    assert book.load() == SEEN


def test_without_leave_to_write_nothing_is_remembered(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    book = SeenWorkloads(str(place / "state"), by="homelab")  # root may write anywhere, but in no file
    book.keep(LOOK, NOW)
    assert book.load() == {}
    assert os.listdir(tmp_path) == ["file"]
