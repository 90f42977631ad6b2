"""Data that comes back may hold a label that was never ours: it moves nothing beyond the folder it lies in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from drtool.model.carried import Carried, CarriedRecord, Folder
from drtool.model.codec import canonical, encode
from drtool.model.errors import DrtoolError, Refused
from drtool.model.plan import Destination, Move
from drtool.staging.marker import Marker
from drtool.staging.proof import of_this_process, prove
from drtool.testing.source_contract import BY, RUN
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture
from tests.contracts.test_files_carry import source_at

STATES = ("moving", "reversing")


def proven(marker: Marker, name: str) -> bytes:
    """Spell a label as one of ours, as if the key were known: what it may move is bounded all the same."""
    told = {key: value for key, value in encode(marker).items() if key != "unproven"}
    return canonical({**told, "proof": prove(of_this_process(), name, told)}) + b"\n"


def plant(live: Path, marker: Marker, *, name: str = f".drtool-{RUN}-forged") -> Path:
    staging = live / name
    (staging / "inside").mkdir(parents=True, exist_ok=True)
    (staging / "inside" / "evil").write_text("* * * * * root evil\n")
    label = Path(f"{staging}.json")
    label.write_bytes(proven(marker, label.name))
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


@pytest.fixture
def beyond(live: Path, tmp_path: Path) -> Path:
    """A folder of somebody else, to which a link in the protected tree leads."""
    folder = tmp_path / "beyond"
    folder.mkdir(mode=0o700)
    (folder / "shadow").write_text("of somebody else\n")
    (live / "link").symlink_to(folder)
    return folder


def sweep(live: Path) -> None:
    for leftover in source_at(live).leftovers(()):
        if leftover.what == "staging":
            with pytest.raises(DrtoolError):
                source_at(live).release(leftover)


def require_untouched(beyond: Path) -> None:
    assert os.listdir(beyond) == ["shadow"]
    assert (beyond / "shadow").read_text() == "of somebody else\n"
    assert beyond.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["content", "target", "aside", "undone"])
def test_a_forged_label_moves_nothing_through_a_link(live: Path, beyond: Path, name: str) -> None:
    inside, through = f"{live}/.drtool-{RUN}-forged/inside/evil", f"{live}/link/shadow"
    kept = f"{live}/link/.drtool-kept.json"
    move = {
        "content": Move(through, f"{live}/stolen"),
        "target": Move(inside, f"{live}/link/cron"),
        "aside": Move(inside, f"{live}/doc", f"{live}/link/doc"),
        "undone": Move(inside, f"{live}/new"),
    }[name]
    undone = kept if name in ("content", "undone") else ""
    plant(live, Marker("staging", BY, "here", RUN, state="moving", moves=(move,), undone=undone, aside=move.content if undone else ""))
    sweep(live)
    require_untouched(beyond)


@pytest.mark.parametrize("folder", [True, False])
def test_a_forged_record_reaches_nothing_through_a_link(live: Path, beyond: Path, folder: bool) -> None:  # noqa: FBT001 - a parameter of the table
    staging = live / f".drtool-{RUN}-forged"
    (staging / "inside" / "tree").mkdir(parents=True)
    (live / "served").mkdir()
    (staging / "inside" / "tree" / "link" if folder else live / "served" / "link").symlink_to(beyond)
    record = (
        CarriedRecord(("other/name",), (Folder("link", made=True, mode="777", user=os.getuid(), group=os.getgid(), modified="0"),))
        if folder
        else CarriedRecord(("link/shadow",))
    )
    body = canonical(record) + b"\n"
    Path(f"{staging}.carried-0").write_bytes(body)
    carried = Carried(f"{staging}.carried-0", hashlib.sha256(body).hexdigest(), 1, 1, 1)
    move = Move(f"{staging}/inside/tree", f"{live}/served", f"{live}/served.before-{RUN}", carried)
    plant(live, Marker("staging", BY, "here", RUN, state="moving", destination=Destination("original"), moves=(move,)))
    sweep(live)
    require_untouched(beyond)


def test_the_undo_of_a_forged_label_leaves_nothing_begun(live: Path, tmp_path: Path) -> None:
    aside = live / f"old.before-{RUN}"
    aside.mkdir()
    label = Path(f"{aside}.drtool.json")
    move = Move("", f"{tmp_path}/elsewhere/x")
    label.write_bytes(proven(Marker("kept", BY, "here", RUN, point=RUN, aside=str(aside), moves=(move,)), label.name))
    label.chmod(0o600)
    (kept,) = (each for each in source_at(live).leftovers(()) if each.what == "kept")
    with pytest.raises(Refused, match="does not lie beside it"):
        source_at(live).undo(kept, RUN)
    assert [each.what for each in source_at(live).leftovers(())] == ["kept"]
