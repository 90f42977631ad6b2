"""Data that comes back may hold a label that was never ours: it moves nothing beyond the folder it lies in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drtool.model.codec import canonical
from drtool.model.errors import Refused
from drtool.model.plan import Move
from drtool.sources.places.marker import Marker
from drtool.testing.source_contract import BY, RUN
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture
from tests.contracts.test_files_carry import source_at

STATES = ("moving", "reversing")


def plant(live: Path, marker: Marker, *, name: str = f".drtool-{RUN}-forged") -> Path:
    staging = live / name
    (staging / "inside").mkdir(parents=True)
    (staging / "inside" / "evil").write_text("* * * * * root evil\n")
    label = Path(f"{staging}.json")
    label.write_bytes(canonical(marker) + b"\n")
    label.chmod(0o600)
    return staging


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("undone", [False, True])
@pytest.mark.parametrize("name", ["target", "aside", "content"])
def test_a_forged_label_moves_nothing_beyond_its_folder(live: Path, tmp_path: Path, state: str, undone: bool, name: str) -> None:  # noqa: FBT001 - a parameter of the table
    beyond = tmp_path / "beyond"
    beyond.mkdir()
    if name != "target" or state == "reversing":
        (beyond / "file").write_text("of somebody else\n")
    staging = live / f".drtool-{RUN}-forged"
    move = Move(f"{staging}/inside/evil", f"{live}/doc", f"{live}/doc.before-{RUN}")
    move = Move(**{**{key: getattr(move, key) for key in ("content", "target", "aside")}, name: f"{beyond}/file"})
    before = sorted((path, (beyond / path).read_text()) for path in os.listdir(beyond))
    undoing = f"{live}/.drtool-kept-forged.json" if undone else ""
    marker = Marker("staging", BY, "here", RUN, state=state, moves=(move,), undone=undoing, aside=move.content if undone else "")
    plant(live, marker)
    source = source_at(live)
    (leftover,) = (each for each in source.leftovers(()) if each.what == "staging")
    with pytest.raises(Refused, match="does not lie beside it"):
        source.release(leftover)
    assert sorted((path, (beyond / path).read_text()) for path in os.listdir(beyond)) == before
    assert (live / "doc").exists()
