"""What a dataset takes from the one above it decides how its data is written, also while it waits elsewhere for its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.model.point import Member
from drtool.ports import ReserveRequest
from drtool.sources.truenas.datasets.dataset import Dataset, read_datasets, require_dataset
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.land.inherit import poured_with
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, RUN, land, put_back, take, tidy

ABOVE, FILMS = "tank/projects", "tank/projects/films"
SET_ABOVE = {"recordsize": "1M", "compression": "ZSTD", "acltype": "NFSV4", "aclmode": "PASSTHROUGH"}


@pytest.fixture
def source(lab: Lab) -> TruenasSource:
    source = lab.source(by=BY)
    create_dataset(source.client, ABOVE, {}, SET_ABOVE)
    create_dataset(source.client, FILMS, {}, {"copies": 2})
    (lab.root / FILMS / "film").write_text("long")
    return source


def take_films(source: TruenasSource, copies: Path) -> Member:
    (member,) = take(source, copies, {"dataset": FILMS})
    return member


def told(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """What it is worth, and from where."""
    return {name: (dataset.told[name]["value"], dataset.told[name]["source"]) for name in (*SET_ABOVE, "copies")}


INHERITED = {**{name: (value, "INHERITED") for name, value in SET_ABOVE.items()}, "copies": ("2", "LOCAL")}


def test_it_is_poured_as_it_was_written_and_inherits_again_in_its_place(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    assert told(require_dataset(source.client, FILMS)) == INHERITED
    member = take_films(source, tmp_path / "copies")
    landed = land(source, member, tmp_path / "copies")
    assert told(require_dataset(source.client, located(landed).waits)) == {name: (value, "LOCAL") for name, (value, _) in INHERITED.items()}
    landed = source.cutover(landed)
    found = require_dataset(source.client, FILMS)
    assert told(found) == INHERITED
    assert "inherited" not in found.marks
    assert landed.note == ""
    tidy(source)


def test_what_would_give_another_meaning_to_access_lists_is_not_inherited(source: TruenasSource, tmp_path: Path) -> None:
    member = take_films(source, tmp_path / "copies")
    changed = {"recordsize": "64K", "acltype": "POSIX", "aclmode": "DISCARD"}
    source.client.change("pool.dataset.update", ABOVE, changed, look=lambda: False)
    landed = put_back(source, member, tmp_path / "copies")
    kept = {"recordsize": ("64K", "INHERITED"), "acltype": ("NFSV4", "LOCAL"), "aclmode": ("PASSTHROUGH", "LOCAL")}
    assert told(require_dataset(source.client, FILMS)) == INHERITED | kept
    assert f"{FILMS} keeps acltype NFSV4 and aclmode PASSTHROUGH, as {ABOVE} has POSIX and DISCARD" in landed.note
    tidy(source)


def test_a_sweep_ends_what_a_cutover_could_not(lab: Lab, source: TruenasSource, tmp_path: Path) -> None:
    member = take_films(source, tmp_path / "copies")
    landed = land(source, member, tmp_path / "copies")
    lab.faults({"method": "pool.dataset.update", "kind": "error", "errno": "EPERM", "reason": "no", "call": 3})
    with pytest.raises(Refused):
        source.cutover(landed)
    lab.faults()
    assert told(require_dataset(source.client, FILMS))["recordsize"] == ("1M", "LOCAL")
    (unfinished,) = [leftover for leftover in source.leftovers(()) if leftover.what == "staging"]
    source.release(unfinished)
    found = require_dataset(source.client, FILMS)
    assert told(found) == INHERITED
    assert "inherited" not in found.marks
    tidy(source)


def test_in_a_sandbox_it_is_what_it_was(source: TruenasSource, tmp_path: Path) -> None:
    member = take_films(source, tmp_path / "copies")
    create_dataset(source.client, "tank/drill", {})
    until = datetime.now(UTC) + timedelta(hours=2)
    request = ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until)
    reserved = source.reserve(request)
    put_back(source, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
    (restored,) = [item for item in read_datasets(source.client, ["id", "^", "tank/drill/"]) if "films" in item.id]
    assert told(restored) == {name: (value, "LOCAL") for name, (value, _) in INHERITED.items()}
    source.release(reserved)
    tidy(source)


@pytest.mark.parametrize(
    ("inherited", "properties", "wanted"),
    [
        ({"acltype": "NFSV4", "aclmode": "DISCARD"}, {}, {"acltype": "NFSV4", "aclmode": "PASSTHROUGH"}),
        ({"acltype": "NFSV4"}, {"aclmode": "RESTRICTED"}, {"acltype": "NFSV4", "aclmode": "RESTRICTED"}),
        ({"aclmode": "PASSTHROUGH"}, {"acltype": "POSIX"}, {"acltype": "POSIX", "aclmode": "DISCARD"}),
        ({"recordsize": "1M"}, {"recordsize": "16K"}, {"recordsize": "16K"}),
    ],
)
def test_no_pair_is_asked_for_that_the_nas_refuses(inherited: object, properties: object, wanted: object) -> None:
    assert poured_with({"inherited": inherited, "properties": properties}) == wanted
    assert poured_with({}) == {}
