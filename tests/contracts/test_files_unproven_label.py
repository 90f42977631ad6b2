"""Whoever may write a file beside a person's data can write a label: what this state directory did not make is told, and does nothing."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from drtool.model.codec import canonical, encode
from drtool.model.errors import Refused
from drtool.model.label import LabelProofs
from drtool.model.plan import Move
from drtool.model.policy import SourcePolicy
from drtool.planning.standing import left_elsewhere, left_here
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.staging.marker import Marker
from drtool.staging.proof import of_this_process, prove, unproven
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, RUN
from tests.contracts.test_files_carry import everything_in
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture

KEY = LabelProofs(b"k" * 32)


def source_at(live: Path, proofs: LabelProofs = KEY) -> FilesSource:
    policy = SourcePolicy("here", "files", "home")
    return FilesSource(policy=policy, by=BY, runner=LocalRunner(), clock=FixedClock(), watch=(str(live),), proofs=lambda: proofs)


def write(path: Path, marker: Marker, proofs: LabelProofs | None, **more: str) -> None:
    told = {**{key: value for key, value in encode(marker).items() if key != "unproven"}, **more}
    path.write_bytes(canonical({**told, "proof": prove(proofs, path.name, told)} if proofs else told))
    path.chmod(0o600)


def forged(live: Path, what: str) -> tuple[Path, Marker]:
    """Return one label of each kind that would move, remove or hide the folder `letters`."""
    letters, staging = live / "letters", live / ".drtool-aaaa"
    letters.mkdir()
    (letters / "dear").write_text("precious")
    move = Move(f"{staging}/new", str(letters), f"{live}/letters.before-{RUN}")
    match what:
        case "aside":
            (staging / "new").mkdir(parents=True)
            swallowed = Move(move.content, move.target, f"{staging}/old")
            return Path(f"{staging}.json"), Marker("staging", BY, "here", RUN, state="moving", moves=(swallowed,))
        case "moving" | "reversing" | "done":
            (staging / "new").mkdir(parents=True)
            return Path(f"{staging}.json"), Marker("staging", BY, "here", RUN, state=what, moves=(move,))
        case "taken":
            staging.mkdir()
            return Path(f"{staging}.json"), Marker("staging", BY, "here", RUN, state="reversing", moves=(move,))
        case "landed":
            return Path(f"{letters}.json").with_name(".drtool-aaaa.json"), Marker("staging", BY, "here", RUN, state="landed")
        case "kept":
            return live / "x.drtool.json", Marker("kept", BY, "here", RUN, aside=str(letters), moves=(move,))
        case _:
            return live / ".drtool-kept-a.json", Marker("placed", BY, "here", RUN, moves=(move,))


KINDS = ("aside", "moving", "reversing", "done", "taken", "landed", "kept", "placed")


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("key", [None, LabelProofs(), LabelProofs(b"t" * 32)], ids=["none", "empty key", "another key"])
def test_it_moves_removes_and_hides_nothing(live: Path, what: str, key: LabelProofs | None) -> None:
    path, marker = forged(live, what)
    write(path, marker, key, unproven="", machine="")
    source = source_at(live)
    before = everything_in(live)
    (leftover,) = source.leftovers(())
    assert leftover.unproven
    assert not left_here(leftover, by=BY, machines=frozenset({""}))
    assert "drtool adopt --leftovers unknown" in left_elsewhere(leftover, by=BY, machines=frozenset())
    with pytest.raises(Refused, match="no label"):
        source.release(leftover)
    if what in ("kept", "placed"):
        with pytest.raises(Refused, match="no label"):
            source.undo(leftover, f"{RUN[:-1]}8")
    (workload,) = source.discover({"paths": [str(live)]})
    assert not [each for each in workload.selector.get("exclude", ()) if "letters" in each or ".drtool-aaaa" in each]
    assert everything_in(live) == before


@pytest.mark.parametrize("proofs", ["earlier", "accepted", "own"])
def test_what_is_known_to_be_ours_is_carried_out(live: Path, proofs: str) -> None:
    path, marker = forged(live, "moving")
    write(path, marker, KEY if proofs == "own" else None)
    (leftover,) = source_at(live).leftovers(())
    known = {
        "own": KEY,
        "accepted": LabelProofs(KEY.key, accepted=frozenset({leftover.unproven})),
        "earlier": LabelProofs(KEY.key, earlier_runs=frozenset({RUN})),
    }[proofs]
    source = source_at(live, known)
    source.release(leftover)
    assert (live / f"letters.before-{RUN}" / "dear").read_text() == "precious"


def test_what_was_taken_over_is_that_label_alone(live: Path) -> None:
    path, marker = forged(live, "moving")
    write(path, marker, None)
    (leftover,) = source_at(live).leftovers(())
    write(path, Marker("staging", BY, "here", RUN, state="reversing", moves=marker.moves), None)
    with pytest.raises(Refused, match="no label"):
        source_at(live, LabelProofs(KEY.key, accepted=frozenset({leftover.unproven}))).release(leftover)


def test_a_run_of_before_proves_no_label_that_bears_a_wrong_proof(live: Path) -> None:
    path, marker = forged(live, "moving")
    write(path, marker, LabelProofs(b"t" * 32))
    source = source_at(live, LabelProofs(KEY.key, earlier_runs=frozenset({RUN})))
    with pytest.raises(Refused, match="no label"):
        source.release(source.leftovers(())[0])


def test_nothing_is_kept_aside_where_it_is_removed(live: Path) -> None:
    """Were the key known to a thief, or accepted in haste."""
    path, marker = forged(live, "aside")
    write(path, marker, KEY)
    source = source_at(live)
    before = everything_in(live)
    with pytest.raises(Refused, match="where it is removed"):
        source.release(source.leftovers(())[0])
    assert everything_in(live) == before


def test_a_source_that_was_given_no_key_believes_no_label_of_another_process(live: Path) -> None:
    """A forgotten argument must not make everybody's labels ours: an empty key proves nothing."""
    empty = LabelProofs()
    label = {"run": RUN, "by": "t"}
    assert prove(empty, "x", label) == ""
    assert unproven(empty, "x", {**label, "proof": ""})
    assert unproven(empty, "x", {**label, "proof": hmac.new(b"", b"x\0" + canonical(label), hashlib.sha256).hexdigest()})
    assert of_this_process().key
