"""A store that only takes, and its trusted side: what a thief with the other machine's keys adds pushes nothing good out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog.seal import sign_tags
from drtool.catalog.signer import Signer, key_file_signer
from drtool.engine.clock import SystemClock
from drtool.model.point import TREE_CHARACTERS
from drtool.repositories.restic.labels import SIGNATURE, from_tags, signed_text, to_tags
from tests.rig.cheap_key import make_cheap
from tests.rig.rest import RestServer
from tests.rig.timed_host import Host

PARTIAL, WRONG_POLICY, REFUSED = 3, 2, 6
GOOD_DAYS = (2, 5, 10, 15, 20, 25)
"""How many days ago the other machine sealed something, besides today."""
DAILY = 4


@pytest.fixture(scope="module")
def taker() -> Iterator[RestServer]:
    """A server from which nothing can be removed."""
    with RestServer("--append-only") as server:
        yield server


@dataclass(frozen=True)
class Row:
    """A snapshot as restic lists it."""

    id: str
    labels: dict[str, str]
    path: str
    tree: str


@dataclass
class Writer:
    """Whoever has everything that lies on the other machine: the repository's key, the server's password, the key that signs."""

    host: Host
    server: RestServer
    name: str

    @property
    def signer(self) -> Signer:
        return key_file_signer(str(self.host.root / "state" / "evidence" / "key"))

    def restic(self, *words: str, body: bytes = b"") -> bytes:
        places = {"PATH": os.environ["PATH"], "HOME": str(self.host.root), "RESTIC_PASSWORD_FILE": str(self.host.root / "far.key")}
        places |= {**self.server.environment, "RESTIC_REPOSITORY": self.server.address(self.name)}
        argv = [str(self.host.restic), "--no-cache", *words]
        return subprocess.run(argv, env=places, cwd=self.host.root / "data", input=body, capture_output=True, check=True).stdout

    def rows(self) -> list[Row]:
        """Return what bare restic lists, oldest first."""
        listed = json.loads(self.restic("snapshots", "--json"))
        return [Row(each["id"], from_tags(each.get("tags") or ()) or {}, each["paths"][0], each["tree"]) for each in listed]

    @cached_property
    def first(self) -> tuple[Row, bytes]:
        """The first manifest that the machine sealed, with its body."""
        row = next(row for row in self.rows() if row.labels["role"] == "manifest")
        return row, self.restic("dump", row.id, row.path)

    @cached_property
    def tree(self) -> str:
        """What the data of each forged point is: the folder itself, without those above it."""
        self._store(SystemClock().fresh_id())
        return next(row.tree for row in reversed(self.rows()) if row.labels["role"] == "data")

    def point(self, instant: datetime, *, name: str = "", **changes: str) -> str:
        """Seal a whole point of that date; `name` is an id that may be there already."""
        point = name or SystemClock().fresh_id()
        row, body = self.first
        if not name:
            changes = {"trees": self.tree[:TREE_CHARACTERS], **changes}
            self._store(point)
        said = {**row.labels, "point": point, "run": point, "instant": _text(instant), "sealed": _text(instant), **changes}
        said = {key: value for key, value in said.items() if key != SIGNATURE and value}
        signed = {**said, SIGNATURE: sign_tags(self.signer, signed_text(said))}
        self.restic("backup", "--stdin", "--stdin-filename", row.path, *_tags(signed), body=body)
        return point

    def _store(self, point: str) -> None:
        workload = f"here:{self.host.root}/data"
        said = {"by": "timed", "set": "docs", "workload": workload, "point": point, "run": point, "role": "data"}
        self.restic("backup", *_tags(said), ".")


@dataclass
class Trusted:
    """The machine on which the server runs: it reaches the same repository by its path, and has a policy of its own."""

    host: Host

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.host.call(*words)

    def remembers(self, **changes: Any) -> None:  # noqa: ANN401
        """Change what it wrote down at its last look, as if that had been another."""
        (file,) = (self.host.root / "state" / "forget_for").rglob("arrivals.json")
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    def forgets(self) -> str:
        ended = self.call("forget")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@dataclass
class Both:
    host: Host
    thief: Writer
    trusted: Trusted
    good: dict[int, str]
    """The points that the machine itself sealed, by how many days ago."""

    def there(self) -> dict[str, str]:
        """Return every point that bare restic lists whole, with its oldest manifest."""
        rows = self.thief.rows()
        data = {row.labels["point"] for row in rows if row.labels["role"] == "data"}
        found: dict[str, str] = {}
        for row in rows:
            if row.labels["role"] == "manifest" and row.labels["point"] in data:
                found.setdefault(row.labels["point"], row.id)
        return found

    def lost(self, *days: int) -> list[int]:
        """Return which of the good points of these days are not there as they were."""
        there = self.there()
        return [day for day in days if there.get(self.good[day]) != self.manifests[self.good[day]]]

    def __post_init__(self) -> None:
        self.manifests = self.there()


def _tags(labels: Mapping[str, str]) -> list[str]:
    return [word for tag in to_tags(labels) for word in ("--tag", tag)]


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def laptop(directory: Path, restic: Path, server: RestServer, name: str) -> Host:
    """Return a machine that may only add: its only repository is the server's."""
    host = Host(directory / "laptop", restic)
    user, password = server.environment.values()
    (host.root / "user").write_text(password)
    (host.root / "user").chmod(0o600)
    host.policy["repositories"] = {
        "far": {
            "restic": server.address(name),
            "password": f"file:{host.root}/far.key",
            "environment": {"RESTIC_REST_USERNAME": user, "RESTIC_REST_PASSWORD": f"file:{host.root}/user"},
            "append_only": True,
        }
    }
    host.documents["to"] = "far"
    host.documents["keep"] = {"last": 1}
    return host


def trusted_side(directory: Path, host: Host, server: RestServer, name: str) -> Trusted:
    """Return the machine of the server, told explicitly whose points it forgets."""
    side = Host(directory / "nas", host.restic)
    (side.root / "far.key").write_text((host.root / "far.key").read_text())
    side.policy["name"] = "nas"
    forget_for: dict[str, Any] = {
        "timed": {
            "machines": [(host.root / "state" / "machine").read_text().split()[0]],
            "signers": [key_file_signer(str(host.root / "state" / "evidence" / "key")).fingerprint],
            "keep": {"within": "7d", "daily": DAILY},
            "quarantine": {"points_per_day": 4},
        }
    }
    side.policy["repositories"]["far"] = {
        "restic": str(server.directory / "data" / name),
        "password": f"file:{side.root}/far.key",
        "forget_for": forget_for,
    }
    return Trusted(side)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path, taker: RestServer) -> tuple[Host, dict[int, str]]:
    """A machine with a point of today and of some days before, sealed each on its day: a repository that each test copies."""
    host = laptop(tmp_path_factory.mktemp("trusted"), restic_newest, taker, "before")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DRTOOL_", "RESTIC_", "XDG_"))]:
            patch.delenv(name)
        host.done("init")
        make_cheap(taker.directory / "data" / "before", "secret")
        host.done("run")
    writer = Writer(host, taker, "before")
    return host, {0: writer.first[0].labels["point"], **{day: writer.point(_ago(day)) for day in GOOD_DAYS}}


@pytest.fixture
def both(tmp_path: Path, home: Path, taker: RestServer, before: tuple[Host, dict[int, str]]) -> Both:
    host, good = before
    shutil.copytree(taker.directory / "data" / "before", taker.directory / "data" / tmp_path.name)
    host.policy["repositories"]["far"]["restic"] = taker.address(tmp_path.name)
    return Both(host, Writer(host, taker, tmp_path.name), trusted_side(tmp_path, host, taker, tmp_path.name), good)


def test_both_sides_say_who_forgets_and_only_the_trusted_one_does(both: Both) -> None:
    host, trusted = both.host, both.trusted
    plan = host.done("plan", "run")
    assert "nothing is forgotten in far from here, it is append_only" in plan
    again = host.done("run")
    assert "its trusted side does" in again
    assert not both.lost(0, *GOOD_DAYS), "`keep: {last: 1}` of the machine itself forgot nothing"
    assert "far is append_only" in host.done("status", "--refresh")
    assert "nothing is forgotten in far from here" in host.call("doctor", "far").stdout
    refused = host.call("prune", "far")
    assert refused.returncode == REFUSED
    assert "prune on its trusted side" in refused.stderr

    planned = trusted.call("plan", "forget", "-v").stdout
    assert "no rule keeps 3 points in far" in planned
    assert "nobody looked at far from here before" in planned
    assert not both.lost(0, *GOOD_DAYS), "a plan forgets nothing"
    trusted.forgets()
    assert both.lost(0, *GOOD_DAYS) == [15, 20, 25], "within 7 days and the newest of four days: today, 2, 5 and 10 days ago"
    assert not host.call("status", "--refresh", "--check").stdout.count("went back in time")
    assert host.call("run").returncode == 0


def test_what_a_thief_adds_pushes_nothing_out(both: Both) -> None:
    """Dated back to push good points out of their days, under ids that are there, of other machines and keys, and dated ahead."""
    trusted, thief = both.trusted, both.thief
    trusted.forgets()
    kept = (0, 2, 5, 10)
    for days in (0.01, 1.9, 4.9, 9.9, 3, 7, 8):
        thief.point(_ago(days))
    thief.point(_ago(200), name=both.good[5], sealed=_text(datetime.now(UTC)))
    thief.point(_ago(0.02), machine="another")
    said = trusted.forgets()
    assert both.lost(*kept) == []
    assert "came long after the date on it: it takes nobody's place" in said
    assert "under an id twice: left alone" in said
    back = trusted.host.root / "back"
    data = next(row for row in thief.rows() if row.labels["role"] == "data" and row.labels["point"] == both.good[10])
    thief.restic("restore", data.id, "--target", str(back))
    assert [path.read_text() for path in back.rglob("letter")] == ["dear"]

    thief.point(datetime.now(UTC) + timedelta(days=400))
    ended = trusted.call("forget")
    assert ended.returncode == PARTIAL
    assert "dated in the future" in ended.stdout + ended.stderr
    assert both.lost(*kept) == []


def test_however_long_nobody_looked_nothing_that_came_meanwhile_takes_a_good_point_s_place(both: Both) -> None:
    """At 23:59 of the days since the last look he seals what their newest point would be; it is the good ones that go, were it believed."""
    trusted, thief = both.trusted, both.thief
    trusted.host.policy["repositories"]["far"]["forget_for"]["timed"]["keep"] = {"within": "7d", "daily": 30}
    trusted.forgets()
    trusted.remembers(looked=_text(_ago(26)), known=[])
    for days in (10, 15, 20, 25):
        thief.point(_ago(days).replace(hour=23, minute=59))
    said = trusted.forgets()
    assert both.lost(0, *GOOD_DAYS) == []
    assert "nobody looked at far from here for 26 days" in said
    assert "drtool forget timed far --looked" in said
    trusted.forgets()
    assert both.lost(0, *GOOD_DAYS) == [], "nor at a look after that"
    trusted.call("forget", "--looked")
    assert both.lost(0, *GOOD_DAYS) == [10, 15, 20, 25], "a person's word is what believes those dates"


def test_nothing_that_a_thief_adds_ends_the_forgetting_for_good(both: Both) -> None:
    """Under the id of a good point in another name, of a day in the year 2099, and what is no snapshot at all."""
    trusted, thief = both.trusted, both.thief
    said = {"by": "zzz", "set": "docs", "workload": "here:x", "point": both.good[25], "run": both.good[25], "role": "data"}
    thief.restic("backup", *_tags(said), ".")
    told = trusted.forgets()
    assert both.lost(0, *GOOD_DAYS) == [15, 20, 25]
    assert "1 snapshot in far of other names under the id of a point: left alone" in told
    assert [row.labels["by"] for row in thief.rows() if row.labels["point"] == both.good[25]] == ["zzz"]

    ahead = thief.point(datetime(2099, 1, 1, tzinfo=UTC))
    trusted.host.policy["repositories"]["far"]["forget_for"]["timed"]["keep"] = {"within": "7d"}
    stopped = trusted.call("forget")
    assert stopped.returncode == PARTIAL
    assert "drtool forget timed far --looked sets it aside" in stopped.stdout + stopped.stderr
    assert trusted.call("forget", "--looked").returncode == 0
    assert "set aside, as a person has said" in trusted.forgets()
    assert both.lost(0, 2, 5, 10) == [10]
    assert ahead in both.there(), "nothing dated ahead is forgotten"

    body = b"garbage"
    name = hashlib.sha256(body).hexdigest()
    folder = thief.server.directory / "data" / thief.name / "snapshots"
    (folder / name).write_bytes(body)
    for refused in (trusted.call("forget"), both.host.call("run")):
        words = refused.stdout + refused.stderr
        assert f"snapshots/{name[:12]}…" in words
        assert f"rm snapshots/{name[:12]}*" in words
        assert "goroutine" not in words
        assert "errgroup" not in words
    (found,) = folder.glob(f"{name[:12]}*")
    found.unlink()
    trusted.forgets()


def test_what_a_forgetting_that_was_killed_left_goes_with_the_next(both: Both) -> None:
    """Killed once the manifests are gone, and once more where the next one begins."""
    trusted, thief = both.trusted, both.thief
    real, wrapper = trusted.host.restic, trusted.host.root / "restic"
    deadly = f'case " $* " in *" forget "*) {real} "$@"; kill -9 $PPID; exit;; esac\n'
    before_any = 'case " $* " in *" forget "*) kill -9 $PPID; exit 1;; esac\n'
    left = {both.good[days] for days in (15, 20, 25)}
    for deed in (deadly, before_any):
        wrapper.write_text(f'#!/bin/sh\n{deed}exec {real} "$@"\n')
        wrapper.chmod(0o700)
        assert trusted.call("forget").returncode == -signal.SIGKILL
        rows = [row.labels for row in thief.rows() if row.labels["point"] in left]
        assert {row["role"] for row in rows} == {"data"}
        assert {row["point"] for row in rows} == left
    wrapper.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    trusted.forgets()
    assert [row for row in thief.rows() if row.labels["point"] in left] == []
    assert both.lost(0, 2, 5, 10) == []


def test_a_thief_ends_no_quarantine_of_the_trusted_side(both: Both) -> None:
    trusted, host = both.trusted, both.host
    trusted.forgets()
    for minutes in range(4):
        both.thief.point(_ago(minutes / 1440))
    ended = trusted.call("forget")
    assert ended.returncode == PARTIAL, ended.stdout + ended.stderr
    assert "points within a day, 4 at most are explained" in ended.stdout + ended.stderr
    there = both.there()
    (hold,) = json.loads(host.done("hold", "list", "--json"))["holds"]
    host.call("hold", "release", hold["id"])  # the thief has this machine, and the key by which its word counts there
    again = trusted.call("forget")
    assert again.returncode == PARTIAL, again.stdout + again.stderr
    assert both.there() == there
    looked = trusted.call("forget", "--looked")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert both.lost(0, 2, 5, 10) == []


def test_without_a_word_of_the_policy_it_forgets_for_nobody(both: Both) -> None:
    side = both.trusted.host
    del side.policy["repositories"]["far"]["forget_for"]
    refused = side.call("forget")
    assert refused.returncode != 0
    assert "this policy forgets for nobody" in refused.stderr
    assert not both.lost(0, *GOOD_DAYS)
