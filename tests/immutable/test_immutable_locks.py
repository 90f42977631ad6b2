"""Audit and extension against a server that enforces Object Lock; what is expected is asked of the server by its owner's means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog.known_locks import KnownLocks
from drtool.engine.immutable.extend import extend, plan_extension
from drtool.model.errors import Refused
from drtool.model.immutable import Extended, ExtendPlan, Lock
from drtool.planning.immutable import judge_bucket
from drtool.repositories.s3.store import S3Store
from tests.immutable.locked_world import PREFIX
from tests.immutable.shelf import Shelf, make_shelf
from tests.rig.s3 import Identity, S3Server

PROMISED = timedelta(days=10)


@pytest.fixture
def shelf(tmp_path: Path, s3_server: S3Server) -> Shelf:
    return make_shelf(tmp_path, s3_server)


def planned(shelf: Shelf, promised: timedelta = PROMISED, identity: Identity = "auditor") -> ExtendPlan:
    with closing(shelf.known()) as known:
        return plan_extension(shelf.store(identity), shelf.index, known, clock=shelf.clock, promised=promised)


def extended(shelf: Shelf, plan: ExtendPlan, identity: Identity = "auditor") -> Extended:
    with closing(shelf.known()) as known:
        return extend(shelf.store(identity), shelf.index, known, plan)


def test_an_audit_tells_what_the_server_does(shelf: Shelf) -> None:
    told = shelf.dates()
    found = shelf.audit()
    assert (found.bucket.mode, found.bucket.default_days, found.bucket.versioning) == ("COMPLIANCE", 3, "Enabled")
    assert found.earliest == min(told.values())
    assert found.needed == found.asked == len(told) == len(shelf.bodies)
    assert (found.short, found.unlocked, found.hidden, found.gone, found.foreign, found.attention) == (0, 0, 0, 0, 0, ())
    again = shelf.audit()
    assert again.asked == 0
    assert again.requests == found.requests - len(told)
    assert len(shelf.index.read) == 1, "a file of the index never changes"


@pytest.mark.parametrize(("version", "remembered"), [("v1", True), ("null", False)])
def test_of_a_version_that_is_written_over_nothing_is_remembered(tmp_path: Path, version: str, remembered: bool) -> None:  # noqa: FBT001
    now = datetime(2026, 11, 30, tzinfo=UTC)
    with closing(KnownLocks(str(tmp_path), "off", now=now)) as known:
        known.learn_content("index/ab", version, good=True)
        known.learn_lock("index/ab", version, Lock("COMPLIANCE", now + timedelta(days=3)))
    with closing(KnownLocks(str(tmp_path), "off", now=now)) as known:
        assert (known.is_good("index/ab", version) is True) == remembered
        assert (known.lock_of("index/ab", version) is not None) == remembered


def test_locks_that_run_out_are_told_and_extended(shelf: Shelf) -> None:
    before = shelf.dates()
    found = shelf.audit(PROMISED)
    assert found.short == len(before)
    assert f"the locks of {len(before)} of {len(before)} run out before 10d are over" in found.attention[1]
    assert found.next == "drtool immutable extend off"
    plan = planned(shelf)
    assert plan.due == len(before)
    assert shelf.dates() == before, "a plan changes nothing"
    assert extended(shelf, plan).extended == len(before)
    after = shelf.dates()
    assert after == dict.fromkeys(before, plan.until)
    assert plan.until >= datetime.now(UTC) + PROMISED * 1.4
    assert planned(shelf).due == 0
    again = shelf.audit(PROMISED)
    assert (again.short, again.unlocked, again.asked) == (0, 0, 0)
    extended(shelf, planned(shelf, timedelta(days=2)))
    assert shelf.dates() == after, "no lock is shortened"


class DiedError(Exception):
    """Stands for a kill: nothing of drtool catches it."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, calls: tuple[str, ...], after: int) -> Iterator[list[str]]:
    """Let the process die before call number `after` of these kinds."""
    made: list[str] = []

    def counted(real: Any) -> Any:  # noqa: ANN401
        def call(self: S3Store, name: str, *more: Any) -> Any:  # noqa: ANN401
            if len(made) >= after:
                raise DiedError
            made.append(name)
            return real(self, name, *more)

        return call

    with monkeypatch.context() as patched:
        for each in calls:
            patched.setattr(S3Store, each, counted(getattr(S3Store, each)))
        yield made


def test_an_extension_that_died_goes_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(shelf)
    with dying(monkeypatch, ("extend",), 3), pytest.raises(DiedError):
        extended(shelf, plan)
    assert sum(until == plan.until for until in shelf.dates().values()) == 3
    extended(shelf, planned(shelf))
    assert min(shelf.dates().values()) >= plan.until


def test_a_hidden_pack_of_the_index_is_told_and_locked(shelf: Shelf) -> None:
    pack = next(name for name in shelf.bodies if name.startswith("data/"))
    shelf.client("writer").delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{pack}")
    found = shelf.audit(PROMISED)
    assert (found.hidden, found.hidden_names) == (1, (pack,))
    (marker,) = shelf.versions()[1]
    assert found.next == f"drtool immutable recover off --since {marker['LastModified']:%Y-%m-%dT%H:%M:%S}"
    plan = planned(shelf)
    extended(shelf, plan)
    assert set(shelf.dates().values()) == {plan.until}


def test_where_the_index_cannot_be_read_everything_is_locked(shelf: Shelf) -> None:
    (index,) = shelf.index.files
    names = [name for name in shelf.bodies if name.startswith("data/")]
    shelf.index.files.clear()
    for name in names:
        shelf.client("writer").delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}")
    found = shelf.audit()
    assert f"the index {index[:8]} cannot be read" in found.basis
    assert found.hidden == len(names)
    plan = planned(shelf)
    extended(shelf, plan)
    assert set(shelf.dates().values()) == {plan.until}


def test_what_was_pruned_is_not_locked_for_ever(shelf: Shelf) -> None:
    name = shelf.put("data")
    shelf.client("writer").delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}")
    before = shelf.dates()
    assert shelf.audit().hidden == 0
    plan = planned(shelf)
    extended(shelf, plan)
    assert {key for key, until in shelf.dates().items() if until == before[key]} == {key for key in before if key.startswith(name)}


def test_a_pack_that_nobody_has_is_told(shelf: Shelf) -> None:
    (index,) = shelf.index.files
    shelf.index.files[index] += ("ab" * 32,)
    found = shelf.audit()
    assert (found.gone, found.next) == (1, "drtool immutable recover off --since INSTANT")


def test_an_overwritten_object_keeps_its_oldest_version_locked(shelf: Shelf) -> None:
    shelf.client("writer").put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/config", Body=b"garbage")
    assert shelf.audit().changed == 1
    plan = planned(shelf)
    extended(shelf, plan)
    assert set(shelf.dates().values()) == {plan.until}


def test_a_lost_cache_costs_requests_only(shelf: Shelf) -> None:
    first = shelf.audit()
    for damage in (b"", b"no database at all" * 100):
        Path(shelf.known().path).write_bytes(damage)
        assert shelf.audit().asked == first.asked


def test_the_credentials_of_runs_cannot_extend(shelf: Shelf) -> None:
    found = shelf.store("writer").bucket()
    assert "get_object_lock_configuration" in found.unasked
    (line,) = [each for each in judge_bucket("off", found, PROMISED) if each.good is False]
    assert "may not ask get_object_lock_configuration" in line.text
    plan, before = planned(shelf), shelf.dates()
    with pytest.raises(Refused, match="AccessDenied"):
        extended(shelf, plan, "writer")
    assert shelf.dates() == before


@pytest.mark.parametrize(
    ("mode", "locking", "said"),
    [
        (None, True, "locks nothing by default"),
        (None, False, "the bucket has no Object Lock, and immutable: 10d is promised"),
        ("COMPLIANCE", True, "what is stored is locked for 3 d, and immutable: 10d is promised"),
    ],
)
def test_a_bucket_that_protects_less(tmp_path: Path, s3_server: S3Server, mode: str | None, locking: bool, said: str) -> None:  # noqa: FBT001
    shelf = make_shelf(tmp_path, s3_server, mode=mode, locking=locking, packs=1)
    assert any(said in text for text in shelf.audit(PROMISED).attention)
    if mode is None:
        assert shelf.audit().unlocked == len(shelf.bodies)
        with pytest.raises(Refused, match=r"no default retention|no Object Lock"):
            planned(shelf)


def test_governance_mode_is_told_and_believed_for_less_than_a_day(tmp_path: Path, s3_server: S3Server) -> None:
    shelf = make_shelf(tmp_path, s3_server, mode="GOVERNANCE", packs=1)
    found = judge_bucket("off", shelf.store().bucket(), timedelta(days=2))
    assert [each.good for each in found] == [True, None]
    assert "bypass" in found[1].text
    now = datetime(2026, 11, 30, tzinfo=UTC)
    with closing(KnownLocks(str(tmp_path), "other", now=now)) as known:
        for mode in ("GOVERNANCE", "COMPLIANCE"):
            known.learn_lock("config", mode, Lock(mode, now + timedelta(days=9)))
    with closing(KnownLocks(str(tmp_path), "other", now=now + timedelta(days=1))) as later:
        assert later.lock_of("config", "GOVERNANCE") is None
        assert later.lock_of("config", "COMPLIANCE") == Lock("COMPLIANCE", now + timedelta(days=9))


def test_a_rule_that_hides_objects_is_told(shelf: Shelf) -> None:
    rules = [
        {"ID": "room", "Status": "Enabled", "Filter": {"Prefix": ""}, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
        {"ID": "oops", "Status": "Enabled", "Filter": {"Prefix": f"{PREFIX}/data/"}, "Expiration": {"Days": 20}},
        {"ID": "other", "Status": "Enabled", "Filter": {"Prefix": "elsewhere/"}, "Expiration": {"Days": 20}},
    ]
    shelf.client().put_bucket_lifecycle_configuration(Bucket=shelf.bucket, LifecycleConfiguration={"Rules": rules})
    assert shelf.audit().attention == ("the lifecycle rule oops hides objects after 20 days",)


def test_a_clock_that_is_wrong_locks_nothing(shelf: Shelf) -> None:
    class AheadClock(type(shelf.clock)):  # type: ignore[misc]
        def now(self) -> datetime:
            return datetime.now(UTC) + timedelta(days=400)

    shelf.clock = AheadClock()
    before = shelf.dates()
    with pytest.raises(Refused, match="the clock of this machine"):
        planned(shelf)
    assert shelf.dates() == before


def test_names_that_are_none_of_a_repository_are_counted_and_left_alone(shelf: Shelf) -> None:
    for name in ("data/zz/whatever", "snapshots/some/thing", "index/" + "A" * 64, "config.bak", "keys/\x1b[2J"):
        shelf.client().put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}", Body=b"x")
    found = shelf.audit()
    assert (found.needed, found.foreign) == (len(shelf.bodies), 5)
