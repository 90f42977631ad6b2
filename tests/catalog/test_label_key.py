"""The key that proves labels is made once: who began with it finds it again, whoever else makes one at the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.catalog import label_key
from drtool.catalog.label_key import label_proofs


def test_who_comes_second_takes_the_first_ones_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, first = label_key._read, label_proofs(str(tmp_path))
    looks: list[None] = []

    def late(state_directory: str) -> object:
        """See nothing at the first look: the other one made it a moment later."""
        looks.append(None)
        return None if len(looks) == 1 else read(state_directory)

    monkeypatch.setattr(label_key, "_read", late)
    assert label_proofs(str(tmp_path)) == first
    monkeypatch.undo()
    assert label_proofs(str(tmp_path)) == first
    assert [path.name for path in tmp_path.iterdir()] == ["label-key.json"]
    assert (tmp_path / "label-key.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damaged", ["", "{}", '{"key": "00", "earlier_runs": []}', '{"key": 7}'])
def test_a_damaged_one_proves_nothing_and_is_made_anew(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "label-key.json").write_text(damaged)
    made = label_proofs(str(tmp_path))
    assert len(made.key) == 32
    assert label_proofs(str(tmp_path)) == made
