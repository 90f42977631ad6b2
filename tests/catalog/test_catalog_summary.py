"""A kept summary holds for exactly what it was made of."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.catalog import summary as catalog_summary
from drtool.catalog.summary import SummaryFile
from drtool.model.attempt import Attempts
from drtool.model.summary import SetSummary, Summary
from tests.planning.planning_values import NOW, policy

FILES = ("index/near-1.2.json", "memory/near-1.json", "accepted/homelab.json", "machine", "lanes.json", "evidence/key")
SUMMARY = Summary(NOW, NOW, None, {"documents": SetSummary("P1", NOW)})


def _replaced(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)


def _file(state: Path, **environment: str) -> SummaryFile:
    return SummaryFile(str(state), policy(), environment)


def _kept(state: Path) -> SummaryFile:
    for name in FILES:
        _replaced(state / name, "{}")
    file = _file(state)
    file.save(SUMMARY, basis=file.basis())
    assert file.load() == SUMMARY
    return file


@pytest.mark.parametrize("name", [*FILES, "index/far-1.2.json", "evidence/rotations/1.json", "evidence/next"])
def test_it_is_forgotten_when_anything_it_was_made_of_is_another(tmp_path: Path, name: str) -> None:
    file = _kept(tmp_path)
    _replaced(tmp_path / name, "{}")  # the same bytes: it is the same no more
    assert file.load() is None


@pytest.mark.parametrize("name", FILES)
def test_it_is_forgotten_when_anything_it_was_made_of_is_gone(tmp_path: Path, name: str) -> None:
    file = _kept(tmp_path)
    (tmp_path / name).unlink()
    assert file.load() is None


def test_it_is_of_one_policy_one_machine_and_one_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _kept(tmp_path)
    assert SummaryFile(str(tmp_path), replace(policy(), signers=("SHA256:x",)), {}).load() is None
    assert _file(tmp_path, DRTOOL_MACHINE="another").load() is None
    monkeypatch.setattr(catalog_summary, "__version__", "0")
    assert file.load() is None


def test_what_others_wrote_beside_it_does_not_matter(tmp_path: Path) -> None:
    file = _kept(tmp_path)
    for name in ("attempts.json", "fingerprints.json", "index/near-1.2.json.lock", "locks/documents.lock", "runs/x/journal.jsonl"):
        _replaced(tmp_path / name, "x")
    assert file.load() == SUMMARY


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"basis": 1}', '{"basis": "x", "summary": {}}'])
def test_a_damaged_one_is_none(tmp_path: Path, text: str) -> None:
    file = _kept(tmp_path)
    (kept,) = (tmp_path / "summary").iterdir()
    kept.write_text(text)
    assert file.load() is None


def test_what_is_made_of_an_older_state_or_lasts_not_is_not_told(tmp_path: Path) -> None:
    file = _kept(tmp_path)
    old = file.basis()
    _replaced(tmp_path / "lanes.json", "{}")
    file.save(SUMMARY, basis=old)
    assert file.load() is None
    file.save(replace(SUMMARY, told={"prune/near": Attempts(since=NOW)}), basis=file.basis())
    assert file.load() is None
