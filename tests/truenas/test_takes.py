"""What was recorded and cannot be set again is left out with a note, and told when it is stored; what can be is restored."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.model.point import Member
from drtool.ports import LandRequest, ReserveRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import read_datasets, require_dataset
from drtool.sources.truenas.inventory.located import located
from drtool.sources.truenas.inventory.takes import settable
from drtool.sources.truenas.inventory.user_quotas import read_quotas, set_quotas
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_calls import CALLS
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, POINT, RUN, put_back, take, tidy

RELEASES = ("25.04", "25.10", "26")
REFUSED: dict[str, Any] = {"compression": "GZIP-7", "quota": 10 << 20, "casesensitivity": "MIXED", "recordsize": "32M"}
SET: dict[str, Any] = {
    "comments": "for Anna",
    "reservation": 1 << 20,
    "refreservation": 2 << 20,
    "special_small_block_size": 32768,
    "checksum": "SHA256",
    "deduplication": "VERIFY",
}


def recorded_as(member: Member, **properties: object) -> Member:
    """Return a member of which more was recorded, as the shell of a NAS may have set it."""
    return replace(member, selector={**member.selector, "properties": {**member.selector["properties"], **properties}})


def test_what_the_models_refuse_is_left_out_of_what_is_asked_for() -> None:
    taken, refused = settable({**REFUSED, **SET, "atime": "OFF"})
    assert refused == REFUSED
    assert taken == {**SET, "atime": "OFF"}


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("compression", "ZSTD-19", True),
        ("compression", "ZSTD-20", False),
        ("compression", "GZIP-9", True),
        ("quota", 1 << 30, True),
        ("quota", (1 << 30) - 1, False),
        ("refquota", 5, False),
        ("recordsize", "16M", True),
        ("recordsize", "48K", False),
        ("recordsize", "", False),
        ("sync", "LATER", False),
        ("copies", 4, False),
        ("deduplication", "SHA256,VERIFY", False),
        ("special_small_block_size", 3000, False),
        ("volblocksize", "256K", False),
    ],
)
def test_it_is_judged_as_the_models_do(name: str, value: object, good: bool) -> None:  # noqa: FBT001 - a row
    taken, refused = settable({name: value})
    assert (bool(taken), bool(refused)) == (good, not good)
    if name in ("recordsize", "copies", "special_small_block_size"):
        return  # the models take any; the code behind them does not
    kind = {"type": "VOLUME", "volsize": 1 << 20} if name == "volblocksize" else {}
    takes = Draft202012Validator(CALLS["pool.dataset.create"].arguments[0].schema).is_valid({"name": "tank/a", **kind, name: value})
    assert takes is good


@pytest.mark.parametrize("release", ["25.10", "26"])
def test_a_restore_goes_on_without_it_and_says_so(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents"})
        landed = put_back(source, recorded_as(member, **REFUSED, atime="OFF"), tmp_path / "copies")
        for name, value in REFUSED.items():
            assert f"{name} {value}" in landed.note
        found = require_dataset(source.client, "tank/documents").recorded()
        assert found["atime"] == "OFF"
        assert not {"compression", "quota"} & found.keys()
        tidy(source)


@pytest.mark.parametrize("release", RELEASES)
def test_what_can_be_set_again_is_recorded_and_restored(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        create_dataset(source.client, "tank/full", {}, SET)
        create_dataset(source.client, "tank/full/below", {})
        (lab.root / "tank/full/file").write_text("words")
        assert require_dataset(source.client, "tank/full").recorded().items() >= SET.items()
        below = require_dataset(source.client, "tank/full/below").recorded()
        assert not {"comments", "reservation", "checksum"} & below.keys(), "what comes down is not set here"
        (member,) = take(source, tmp_path / "copies", {"dataset": "tank/full"})
        if release != "25.04":
            landed = put_back(source, member, tmp_path / "copies")
            assert require_dataset(source.client, "tank/full").recorded().items() >= SET.items()
            assert landed.note == ""
        create_dataset(source.client, "tank/drill", {})
        until = datetime.now(UTC) + timedelta(hours=2)
        reserved = source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
        put_back(source, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
        (restored,) = [item for item in read_datasets(source.client, ["id", "^", "tank/drill/"]) if "full" in item.id]
        assert not {"reservation", "refreservation", "quota"} & restored.recorded().keys(), "a sandbox has its own limits"
        source.release(reserved)
        tidy(source)


def test_room_that_is_not_there_twice_is_not_reserved_and_told(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents"})
    landed = put_back(source, recorded_as(member, reservation=1 << 60), tmp_path / "copies")
    assert "without its reservation of" in landed.note
    assert "reservation" not in require_dataset(source.client, "tank/documents").recorded()
    tidy(source)


def test_it_is_told_when_it_is_stored_and_not_on_the_day_of_need(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lab.source(by=BY)
    create_dataset(source.client, "tank/odd", {}, {"readonly": "ON"})
    (workload,) = source.discover({"dataset": "tank/odd"})
    assert "it comes back without readonly ON, which drtool does not set" in workload.way
    (plain,) = source.discover({"dataset": "tank/documents"})
    assert "comes back" not in plain.way
    rows = source._listing.recent()
    odd = next(row for row in rows if row.id == "tank/documents")
    told = {**odd.told, "compression": {"value": "GZIP-7", "rawvalue": "gzip-7", "source": "LOCAL"}}
    monkeypatch.setattr(source._listing, "recent", lambda: (replace(odd, told=told),))
    (workload,) = source.discover({"dataset": "tank/documents"})
    assert "it comes back without compression GZIP-7: the NAS shows that" in workload.way
    tidy(source)


LIMITS = [
    {"quota_type": "USER", "id": "1000", "quota_value": 5 << 20},
    {"quota_type": "USEROBJ", "id": "1000", "quota_value": 500},
    {"quota_type": "GROUP", "id": "100", "quota_value": 7 << 20},
]


@pytest.mark.parametrize("release", ["25.10", "26"])
def test_quotas_of_users_and_groups_come_back_where_the_policy_asks_for_them(tmp_path: Path, release: str) -> None:
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY)
        source.client.change("pool.dataset.set_quota", "tank/documents", LIMITS, look=lambda: False)
        (plain,) = source.discover({"dataset": "tank/documents"})
        assert "quotas" not in plain.selector
        assert lab.calls("pool.dataset.get_quota") == 0, "who does not ask for them pays nothing"
        (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents", "user_quotas": True})
        assert member.selector["quotas"] == LIMITS
        landed = put_back(source, member, tmp_path / "copies")
        assert landed.note == ""
        assert read_quotas(source.client, "tank/documents") == LIMITS
        tidy(source)


def test_quotas_are_set_once_the_data_is_there(lab: Lab, tmp_path: Path) -> None:
    """Whoever is over his limit could not be given his files: giving them to him is refused (EDQUOT)."""
    source = lab.source(by=BY)
    source.client.change("pool.dataset.set_quota", "tank/documents", LIMITS, look=lambda: False)
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents", "user_quotas": True})
    until = datetime.now(UTC) + timedelta(hours=2)
    with source.land(LandRequest(member, POINT, RUN, BY, Destination("original"), until)) as landing:
        assert read_quotas(source.client, located(landing.landed).waits) == []
        shutil.copytree(tmp_path / "copies/nas:tank%documents", landing.way_of("").directory + member.artifacts[0].path)
    assert read_quotas(source.client, located(landing.landed).waits) == LIMITS, "and before it goes into service"
    assert source.cutover(landing.landed).note == ""
    tidy(source)


def limit(number: int, kind: str = "USER") -> dict[str, object]:
    return {"quota_type": kind, "id": str(number), "quota_value": 1 << 20}


BAD: list[object] = [
    *("x", None, 7, []),
    {"quota_type": ["USER"], "id": 1, "quota_value": 5},
    {"quota_type": "HOST", "id": "1", "quota_value": 5},
    {"quota_type": "USER"},
    *({**limit(5), "quota_value": value} for value in (True, 1 << 70, -1, "5")),
    *({**limit(5), "id": number} for number in ("../x", -5, None, "")),
]


def test_one_that_the_nas_does_not_take_loses_no_other(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    (member,) = take(source, tmp_path / "copies", {"dataset": "tank/documents", "user_quotas": True})
    good = [limit(number) for number in range(1, 6)]
    member = replace(member, selector={**member.selector, "quotas": [limit(0), *good[:3], *BAD, *good[3:]]})
    landed = put_back(source, member, tmp_path / "copies")
    assert "without the quotas of 1 users and groups" in landed.note
    assert f"without {len(BAD)} recorded quotas that are none" in landed.note
    assert read_quotas(source.client, "tank/documents") == good
    assert (lab.root / "tank/documents/read-me").exists()
    tidy(source)


def test_a_point_that_tells_nonsense_of_quotas_is_not_believed(lab: Lab) -> None:
    source = lab.source(by=BY)
    source.client.read("core.ping")
    nonsense: tuple[object, ...] = ("abc", 7, {"a": 1}, True, *([each] for each in BAD))
    nothing: tuple[object, ...] = (None, [], ())
    assert {set_quotas(source.client, "tank/documents", bad) for bad in nonsense} == {"without 1 recorded quotas that are none"}
    assert {set_quotas(source.client, "tank/documents", bad) for bad in nothing} == {""}
    assert lab.calls("pool.dataset.set_quota") == 0
    source.close()


def test_whatever_the_nas_refuses_is_found_out_in_few_calls(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one is refused the NAS tells in words alone; a key that may set none at all asks no thousand times."""
    source = lab.source(by=BY)
    many = [limit(1000 + number) for number in range(250)]
    change = ApiClient.change

    def refuses(self: ApiClient, method: str, *params: Any, **more: Any) -> Any:  # noqa: ANN401 - JSON
        if method == "pool.dataset.set_quota" and {each["id"] for each in params[1]} & odd:
            asked.append(1)
            raise Refused("nas refused pool.dataset.set_quota: no such user")
        return change(self, method, *params, **more)

    monkeypatch.setattr(ApiClient, "change", refuses)
    for odd, most in (({"1007", "1130"}, 20), ({each["id"] for each in many}, 100)):
        asked: list[int] = []
        note = set_quotas(source.client, "tank/documents", many)
        assert note.startswith(f"without the quotas of {len(odd)} users and groups: ")
        assert len(asked) <= most
        assert len(read_quotas(source.client, "tank/documents")) == 248
    monkeypatch.undo()
    tidy(source)


def test_many_quotas_are_set_a_hundred_at_a_time(lab: Lab) -> None:
    source = lab.source(by=BY)
    many = [{"quota_type": "USER", "id": str(1000 + number), "quota_value": 1 << 20} for number in range(250)]
    assert set_quotas(source.client, "tank/documents", many) == ""
    assert lab.calls("pool.dataset.set_quota") == 3
    assert len(read_quotas(source.client, "tank/documents")) == 250
    tidy(source)
