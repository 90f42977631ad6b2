# ruff: noqa: S101, PLR2004 - a suite of tests, to be inherited
from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.codec import canonical
from drtool.model.command import Command
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, Refused
from drtool.model.evidence import Evidence, EvidenceRecord, Reading, SignedEvidence
from drtool.model.hold import PIN, Hold, ending
from drtool.model.inventory import Listing
from drtool.model.native import NativePlace
from drtool.model.point import TREE_CHARACTERS, Artifact, Census, DataSnapshot, Manifest, Member, RecoveryPoint
from drtool.ports import (
    ArtifactRequest,
    Earlier,
    Entry,
    FindRequest,
    GetRequest,
    Labels,
    Progress,
    PutRequest,
    PutResult,
    Repository,
    Runner,
    VerifyRequest,
)

BY = "contract"
SOURCE = "here"
RUN = "01J00000000000000000000RVN"
POINT = "01J0000000000000000000PBNT"
LATER_POINT = "01J0000000000000000001PBNT"
LAST_POINT = "01J0000000000000000002PBNT"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SET = "documents, letters & 100 %"
WORKLOAD = "here:/home, with a comma"
STREAM = "billing"
LONG_SECONDS = 1e9
KEPT = Artifact("disk", "native", "", "/disk", Census(1, 4), places=(NativePlace(SOURCE, "home", "vm/100", made=True),))


@dataclass(frozen=True, slots=True)
class RepositoryPair:
    """Two repositories to be tried, neither created yet, and where their data is read and poured.

    `repository` belongs to the policy `contract`; `stranger` is the same repository as a policy of another name sees it.
    """

    repository: Repository
    other: Repository
    stranger: Repository
    runner: Runner
    directory: Path


class RepositoryContract(ABC):
    """What every repository promises; inherit it and give a `pair` fixture."""

    @pytest.fixture
    @abstractmethod
    def pair(self, tmp_path: Path) -> RepositoryPair:
        """Return two fresh repositories."""

    def test_it_is_created_once_and_never_by_another_verb(self, pair: RepositoryPair) -> None:
        repository = pair.repository
        attempts: tuple[Callable[[], object], ...] = (repository.list, lambda: put_tree(pair, POINT), lambda: repository.append(hold("a")))
        for attempt in attempts:
            with pytest.raises(NoRepository):
                attempt()
        assert repository.initialise() is True
        assert repository.initialise() is False
        listing = repository.list()
        assert (listing.points, listing.unsealed, listing.foreign) == ((), (), 0)

    def test_a_tree_comes_back_as_it_was_sealed(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        moments: list[Progress] = []
        put = put_tree(pair, POINT, on_progress=moments.append)
        assert (put.files, put.bytes, put.unreadable, put.vanished) == (5, 5 + 5 + 0 + 6 + 3, (), ())
        (stored,) = pair.repository.list().unsealed
        assert (stored.workload, stored.set, stored.point, stored.run, stored.by) == (WORKLOAD, SET, POINT, RUN, BY)
        assert stored.id.startswith(put.snapshot)
        assert stored.expires == NOW + timedelta(days=1)
        manifest = seal(pair, POINT, tree_artifact(pair, put, stored.tree))
        point = only_point(pair.repository)
        assert point == RecoveryPoint(
            point=POINT,
            set=SET,
            by=BY,
            run=RUN,
            instant=manifest.instant,
            complete=True,
            bytes=19,
            files=5,
            members=1,
            digest=hashlib.sha256(canonical(manifest)).hexdigest(),
            manifest=point.manifest,
            sealed=manifest.sealed,
            data=point.data,
            artifacts=1,
            trees=(stored.tree[:TREE_CHARACTERS],),
            unsigned=point.unsigned,
            mark=point.mark,
        )
        assert _is_digest(point.unsigned), "tags that nobody signed are named by their digest"
        assert point.whole
        assert [(data.id, data.tree, data.workload) for data in point.data] == [(stored.id, stored.tree, WORKLOAD)]
        assert pair.repository.read(point.manifest) == canonical(manifest)
        assert pair.repository.read(point.manifest, unlisted=True) == canonical(manifest)

        artifact = manifest.members[0].artifacts[0]
        out = empty_directory(pair, "out")
        result = pair.repository.get(get_request(pair, artifact, out), on_progress=moments.append)
        assert (result.files, result.bytes) == (5, 19)
        assert contents(out / artifact.path.lstrip("/")) == contents(Path(artifact.path))
        fresh = empty_directory(pair, "fresh")
        assert pair.repository.get(replace(get_request(pair, artifact, fresh), fresh_cache=True)).files == 5

    def test_a_part_comes_back_by_its_own_name_only(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        artifact = sealed_tree(pair)
        odd = f"{artifact.path}/deep/odd [a]*?"
        out = empty_directory(pair, "out")
        result = pair.repository.get(replace(get_request(pair, artifact, out), paths=(odd,)))
        assert (result.files, result.bytes) == (1, 6)
        with pytest.raises(NotFound):
            pair.repository.get(replace(get_request(pair, artifact, empty_directory(pair, "none")), paths=(f"{artifact.path}/nowhere",)))
        with pytest.raises(NotFound):
            pair.repository.get(get_request(pair, replace(artifact, tree="0" * 64), empty_directory(pair, "other")))

    def test_it_shows_what_is_inside(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        artifact = sealed_tree(pair)
        everything = {entry.path: entry for entry in pair.repository.browse(artifact, POINT, WORKLOAD)}
        letter = everything[f"{artifact.path}/letter"]
        assert (letter.type, letter.bytes, letter.mode) == ("file", 5, 0o640)
        deep = {entry.path for entry in pair.repository.browse(artifact, POINT, WORKLOAD, f"{artifact.path}/deep")}
        assert f"{artifact.path}/deep/odd [a]*?" in deep
        assert f"{artifact.path}/letter" not in deep
        directly = {entry.path for entry in pair.repository.browse(artifact, POINT, WORKLOAD, artifact.path, deep=False)}
        assert f"{artifact.path}/letter" in directly
        assert not deep - {f"{artifact.path}/deep"} & directly
        with pytest.raises(NotFound):
            list(pair.repository.browse(artifact, POINT, WORKLOAD, "/nowhere"))

    def test_it_finds_names_in_many_points_at_once(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        artifact = sealed_tree(pair)
        (Path(artifact.path) / "letter").unlink()
        (Path(artifact.path) / "deep" / "100%s letter\n").write_bytes(b"later")
        sealed_tree(pair, LATER_POINT)
        older, newer = (_data_of(pair, point) for point in (POINT, LATER_POINT))
        wanted = re.compile(r"/(letter|100%s letter\n|odd \[a\]\*\?)\Z").search
        request = FindRequest((newer, older), ("letter", "*letter?", r"odd \[a\]\*\?"), lambda path: wanted(path) is not None)
        found: list[tuple[DataSnapshot, Entry]] = []
        assert not pair.repository.find(request, lambda data, entry: found.append((data, entry)))
        odd, deep = ("/deep/odd [a]*?", 6), ("/deep/100%s letter\n", 5)
        expected = [(newer, *deep), (newer, *odd), (older, *odd), (older, "/letter", 5)]
        told = [(data, entry.path.removeprefix(artifact.path), entry.bytes) for data, entry in found]
        assert sorted(told, key=repr) == sorted(expected, key=repr)
        listed = {entry.path: entry for entry in pair.repository.browse(artifact, POINT, WORKLOAD)}
        assert all(entry == listed[entry.path] for data, entry in found if data == older), "as `browse` tells it"
        everything = replace(request, names=("*",), wanted=lambda _path: True)
        found.clear()
        assert not pair.repository.find(everything, lambda data, entry: found.append((data, entry)))
        assert {entry.path for _, entry in found} >= {f"{artifact.path}/deep", f"{artifact.path}/letter"}
        assert all(f"{entry.path}/".startswith(f"{artifact.path}/") for _, entry in found), "what lies above is none of it"
        nothing = replace(everything, data=())
        assert not pair.repository.find(nothing, lambda *_found: pytest.fail("nothing was to be searched"))

    def test_where_nothing_is_any_more_is_told_and_the_rest_searched(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        sealed_tree(pair)
        there = _data_of(pair, POINT)
        gone = replace(there, id="0" * 64, point=LAST_POINT)
        found: list[DataSnapshot] = []
        request = FindRequest((gone, there), ("LETTER",), lambda path: path.endswith("/letter"), ignore_case=True)
        failed = pair.repository.find(request, lambda data, _entry: found.append(data))
        assert [(name, type(why)) for name, why in failed.items()] == [(gone.id, NotFound)]
        assert found == [there]

    def test_a_stream_is_whole_or_not_there(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        for script, why in (("echo half; echo why >&2; exit 3", "why"), ("true", "printed nothing"), ("echo half; kill -9 $$", "signal 9")):
            with pytest.raises(Refused, match=why):
                put_stream(pair, script)
        with pytest.raises(DrtoolError):
            pair.repository.put(put_request(pair, stream_request(Command(("/nonexistent/program",))), POINT, STREAM))
        listing = pair.repository.list()
        assert (listing.unsealed, listing.foreign) == ((), 0)

        put = put_stream(pair, "for i in 0 1; do head -c 1000000 /dev/zero | tr '\\0' 'x'; done")
        data = b"x" * 2_000_000
        digest = hashlib.sha256(data).hexdigest()
        assert (put.files, put.bytes, put.sha256) == (1, len(data), digest)
        (stored,) = pair.repository.list().unsealed
        artifact = Artifact(STREAM, "stream", stored.tree, f"/{STREAM}", Census(1, len(data), sha256=digest))
        out = empty_directory(pair, "out")
        result = pair.repository.get(replace(get_request(pair, artifact, out), workload=STREAM))
        assert (result.files, result.bytes) == (1, len(data))
        assert (out / STREAM).read_bytes() == data
        lie = replace(artifact, census=Census(1, len(data), sha256="0" * 64))
        with pytest.raises(Corrupt):
            pair.repository.get(replace(get_request(pair, lie, empty_directory(pair, "lie")), workload=STREAM))
        assert list((pair.directory / "lie").iterdir()) == []

        into = replace(get_request(pair, artifact, pair.directory), workload=STREAM, directory="")
        taken = pair.directory / "taken"
        result = pair.repository.get(replace(into, into=Command(("dd", f"of={taken}", "status=none"))))
        assert (result.files, result.bytes) == (1, len(data))
        assert taken.read_bytes() == data
        with pytest.raises(Refused, match="no room"):
            pair.repository.get(replace(into, into=Command(("sh", "-c", "head -c 10 >/dev/null; echo no room >&2; exit 3"))))
        with pytest.raises(Corrupt):
            pair.repository.get(replace(into, artifact=lie, into=Command(("dd", f"of={taken}", "status=none"))))

    def test_a_stream_comes_back_under_its_name_with_folders(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        offered = replace(stream_request(Command(("echo", "blocks"))), path="/tank/guests/disk.raw")
        put = pair.repository.put(put_request(pair, offered, POINT, STREAM))
        (stored,) = pair.repository.list().unsealed
        artifact = Artifact(STREAM, "stream", stored.tree, offered.path, Census(1, put.bytes, sha256=put.sha256))
        out = empty_directory(pair, "out")
        assert pair.repository.get(replace(get_request(pair, artifact, out), workload=STREAM)).bytes == 7
        assert (out / "tank" / "guests" / "disk.raw").read_bytes() == b"blocks\n"
        taken = pair.directory / "taken"
        into = replace(get_request(pair, artifact, pair.directory), workload=STREAM, directory="")
        pair.repository.get(replace(into, into=Command(("dd", f"of={taken}", "status=none"))))
        assert taken.read_bytes() == b"blocks\n"

    def test_a_stream_of_an_earlier_point_is_listed_once_more_and_outlives_it(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        first = sealed_stream(pair, POINT, "head -c 3000000 /dev/urandom")
        second, put = listed_again(pair, first, POINT, LATER_POINT)
        assert (put.files, put.bytes, put.sha256) == (1, 3_000_000, first.census.sha256)
        assert put.stored_bytes < 100_000, "nothing of it is stored again"
        assert all(point.whole for point in pair.repository.list().points)
        third, _put = listed_again(pair, second, LATER_POINT, LAST_POINT)
        pair.repository.forget((POINT, LATER_POINT))
        pair.repository.prune()
        (point,) = pair.repository.list().points
        assert (point.point, point.whole, point.artifacts) == (LAST_POINT, True, 1)
        out = empty_directory(pair, "out")
        request = replace(get_request(pair, third, out), point=LAST_POINT, workload=STREAM)
        assert pair.repository.get(request).bytes == 3_000_000
        assert hashlib.sha256((out / "tank" / STREAM).read_bytes()).hexdigest() == first.census.sha256
        (entry,) = (each for each in pair.repository.browse(third, LAST_POINT, STREAM) if each.type == "file")
        assert entry.bytes == 3_000_000
        pair.other.initialise(chunker_of=pair.repository)
        pair.other.copy((LAST_POINT,), pair.repository)
        far = empty_directory(pair, "far-out")
        assert pair.other.get(replace(request, directory=str(far))).bytes == 3_000_000

    def test_what_an_earlier_point_does_not_have_is_not_listed_once_more(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        first = sealed_stream(pair, POINT, "echo blocks")
        gone, longer = replace(first, tree="0" * 64), replace(first, census=replace(first.census, bytes=8))
        with pytest.raises(NotFound):
            listed_again(pair, gone, POINT, LATER_POINT)
        with pytest.raises(NotFound):
            listed_again(pair, first, LAST_POINT, LATER_POINT)
        with pytest.raises(Corrupt):
            listed_again(pair, longer, POINT, LATER_POINT)
        listing = pair.repository.list()
        assert ([point.point for point in listing.points], listing.unsealed, listing.foreign) == ([POINT], (), 0)

    def test_a_stream_is_printed_where_its_producer_runs(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        there = replace(stream_request(Command(("sh", "-c", "printf half; exit 3"))), producer_runner=pair.runner)
        with pytest.raises(Refused, match="exit code 3"):
            pair.repository.put(put_request(pair, there, POINT, STREAM))
        assert pair.repository.list().unsealed == ()
        script = "printf '%s' \"$0 ${RESTIC_PASSWORD-}\"; echo words >&2; head -c 1000000 /dev/zero"
        put = pair.repository.put(put_request(pair, replace(there, producer=Command(("sh", "-c", script, "of"))), POINT, STREAM))
        assert (put.bytes, put.sha256) == (1000003, hashlib.sha256(b"of " + bytes(1000000)).hexdigest())
        (stored,) = pair.repository.list().unsealed
        assert stored.id.startswith(put.snapshot)

    def test_records_are_rebuilt_from_one_listing(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        written = evidence("e1")
        bare = Evidence("e2", "verify", BY, "near", "failed", NOW, NOW)
        held = hold("h1")
        release = Hold("h2", SET, BY, "", NOW, releases="h1")
        signed = signed_evidence("e3")
        pin = Hold("h3", SET, BY, "it is read", NOW, NOW + timedelta(hours=1), POINT, kind=PIN, run=RUN)
        sliced = replace(bare, id="e4", reading=Reading(2, 3, NOW - timedelta(days=1), (1, 2)))
        for record in (written, bare, signed, held, release, pin, sliced):
            name = pair.repository.append(record)
            assert pair.repository.read(name) == canonical(record)
        listing = pair.repository.list()
        assert all(_is_digest(record.unsigned) for record in listing.evidence), "tags that nobody signed are named by their digest"
        assert len({record.unsigned for record in listing.evidence}) == len(listing.evidence)
        listed = {record.id: replace(record, snapshot="", unsigned="") for record in listing.evidence}
        assert listed == {"e1": replace(written, details={}), "e2": bare, "e3": signed.summary(), "e4": sliced}
        found = next(record for record in listing.evidence if record.id == "e3")
        assert pair.repository.read(found.snapshot) == canonical(signed)
        assert {record.id: record for record in listing.holds} == {"h1": held, "h2": release, "h3": pin}
        for unlisted in (False, True):
            with pytest.raises(NotFound):
                pair.repository.read("0" * 64, unlisted=unlisted)
            with pytest.raises(NotFound):
                pair.repository.read("latest", unlisted=unlisted)

    def test_it_is_read_in_slices_and_one_point_alone(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        sealed_tree(pair)
        slices = pair.repository.packs(3)
        assert len(slices) == 3
        everything = frozenset[str]().union(*slices)
        assert len(everything) == sum(map(len, slices)) > 0
        for number in (1, 2, 3):
            pair.repository.verify(VerifyRequest(slice=number, slices=3))
        sealed_tree(pair, LATER_POINT)
        assert everything < frozenset[str]().union(*pair.repository.packs(3)), "what was written keeps its name"
        if any("verify --point" in sentence for sentence in pair.repository.guarantees().lost):  # a version that cannot says so
            with pytest.raises(Refused):
                pair.repository.verify(VerifyRequest(point=POINT))
            return
        assert 0 < pair.repository.verify(VerifyRequest(point=POINT)) <= pair.repository.verify()
        with pytest.raises(NotFound):
            pair.repository.verify(VerifyRequest(point="01J0000000000000000009PBNT"))

    def test_a_listing_is_given_again_until_something_changes(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        first = pair.repository.list()
        assert pair.repository.list(maximum_age_seconds=LONG_SECONDS) is first
        assert pair.repository.list() is not first
        pair.repository.append(hold("h1"))
        assert len(pair.repository.list(maximum_age_seconds=LONG_SECONDS).holds) == 1

    def test_what_was_appended_is_told_as_a_fresh_listing_tells_it(self, pair: RepositoryPair) -> None:
        """Whoever wrote a record need not list again to know of it, and knows no more than a listing would tell."""
        pair.repository.initialise()
        sealed_tree(pair, POINT)
        pair.repository.list()
        records = (evidence("e1"), hold("h1"), Hold("h2", SET, BY, "", NOW, releases="h1"), signed_evidence("e3"))
        names = [pair.repository.append(record) for record in records]
        known, fresh = pair.repository.list(maximum_age_seconds=LONG_SECONDS), pair.repository.list()
        assert {each.id for each in known.holds} == {"h1", "h2"}
        assert _as_written(known) == _as_written(fresh)
        assert all(pair.repository.read(name) == canonical(record) for name, record in zip(names, records, strict=True))
        sealed_tree(pair, LATER_POINT)
        assert len(pair.repository.list(maximum_age_seconds=LONG_SECONDS).points) == len(pair.repository.list().points) == 2

    def test_only_what_is_ours_is_forgotten(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        sealed_tree(pair, POINT)
        artifact = sealed_tree(pair, LATER_POINT)
        pair.repository.append(evidence("e1"))
        loose = put_tree(pair, "01J0000000000000000002PBNT")
        before = pair.repository.list()
        assert [point.point for point in before.points] == [POINT, LATER_POINT]
        attempts: tuple[Callable[[], None], ...] = (
            lambda: pair.stranger.forget((POINT,)),
            lambda: pair.stranger.discard((before.unsealed[0].id,)),
            lambda: pair.repository.forget((POINT, "01J0000000000000000009PBNT")),
            lambda: pair.repository.discard((before.points[0].data[0].id,)),
            lambda: pair.repository.discard((before.points[0].manifest,)),
        )
        for attempt in attempts:
            with pytest.raises(Refused):
                attempt()
        after = pair.repository.list()
        assert (after.points, after.unsealed, after.evidence) == (before.points, before.unsealed, before.evidence)

        pair.repository.forget((POINT,))
        pair.repository.discard((loose.snapshot,))
        pair.repository.discard((loose.snapshot,))
        after = pair.repository.list()
        assert [point.point for point in after.points] == [LATER_POINT]
        assert (after.unsealed, len(after.evidence)) == ((), 1)
        pair.repository.prune()
        assert pair.repository.verify() > 0
        out = empty_directory(pair, "out")
        assert pair.repository.get(replace(get_request(pair, artifact, out), point=LATER_POINT)).files == 5

    def test_pins_go_with_points_and_no_other_record_does(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        sealed_tree(pair, POINT)
        sealed_tree(pair, LATER_POINT)
        pin = Hold("p1", SET, BY, "it was read", NOW, NOW + timedelta(hours=1), POINT, kind=PIN, run=RUN)
        over = ending(pin, id="p2", created=NOW, machine="")
        for record in (pin, over, replace(pin, id="p3"), hold("h1"), evidence("e1")):
            pair.repository.append(record)
        for wrong in ("h1", "p3"):
            with pytest.raises(Refused):
                (pair.stranger if wrong == "p3" else pair.repository).forget((), pins=("p1", wrong))
        with pytest.raises(Refused):
            pair.repository.forget((POINT,), pins=("h1",))
        assert len(pair.repository.list().points) == 2
        pair.repository.forget((POINT,), pins=("p1", "p2", "gone"))
        after = pair.repository.list()
        assert {each.id for each in after.holds} == {"p3", "h1"}
        assert ([each.point for each in after.points], len(after.evidence)) == ([LATER_POINT], 1)

    def test_a_copy_is_the_same_point(self, pair: RepositoryPair) -> None:
        pair.repository.initialise()
        pair.other.initialise(chunker_of=pair.repository)
        artifact = sealed_tree(pair, kept=(KEPT,))
        origin = only_point(pair.repository)
        assert (origin.artifacts, origin.natives, origin.stored) == (2, 1, True)
        assert not origin.whole, "what a platform keeps is asked of the platform: a repository knows nothing of it"
        with pytest.raises(Refused):
            pair.repository.copy((POINT,), pair.stranger)
        with pytest.raises(NotFound):
            pair.other.copy(("01J0000000000000000009PBNT",), pair.repository)
        pair.other.copy((POINT,), pair.repository)
        pair.other.copy((POINT,), pair.repository)
        arrived = only_point(pair.other)
        assert replace(arrived, manifest="", data=()) == replace(origin, manifest="", data=())
        assert [(data.tree, data.workload) for data in arrived.data] == [(data.tree, data.workload) for data in origin.data]
        assert pair.other.read(arrived.manifest) == pair.repository.read(origin.manifest)
        out = empty_directory(pair, "out")
        assert pair.other.get(get_request(pair, artifact, out)).files == 5

    def test_it_tells_what_it_is(self, pair: RepositoryPair) -> None:
        failed = pair.repository.examine()
        assert any(finding.good is False and finding.remedy for finding in failed)
        pair.repository.initialise()
        pair.other.initialise()
        told = pair.repository.guarantees()
        assert told.encrypted
        assert told.identity == pair.stranger.guarantees().identity
        assert told.identity != pair.other.guarantees().identity
        findings = pair.repository.examine()
        assert {finding.good for finding in findings} <= {True, None}, findings


def make_tree(directory: Path) -> Path:
    """Make a tree of five regular files (19 bytes, one of them linked twice) and what does not count."""
    tree = directory / "tree"
    if not tree.exists():
        (tree / "deep").mkdir(parents=True)
        (tree / "letter").write_text("dear\n", encoding="utf-8")
        (tree / "letter").chmod(0o640)
        (tree / "linked").hardlink_to(tree / "letter")
        (tree / "empty").touch()
        (tree / "deep" / "odd [a]*?").write_bytes(b"second")
        (tree / "deep" / "odd [a]bc").write_bytes(b"six")
        (tree / "pointer").symlink_to("letter")
        (tree / "hollow").mkdir()
        os.mkfifo(tree / "pipe")
    return tree


def put_request(pair: RepositoryPair, artifact: ArtifactRequest, point: str, workload: str) -> PutRequest:
    """Return a request with the contract's labels."""
    labels = Labels(by=BY, set=SET, point=point, run=RUN, workload=workload, source=SOURCE, expires=NOW + timedelta(days=1))
    return PutRequest(artifact, pair.runner, labels)


def put_tree(pair: RepositoryPair, point: str, on_progress: Callable[[Progress], None] | None = None) -> PutResult:
    """Store the tree."""
    artifact = ArtifactRequest(WORKLOAD, "tree", str(make_tree(pair.directory)))
    return pair.repository.put(put_request(pair, artifact, point, WORKLOAD), on_progress=on_progress)


def stream_request(producer: Command) -> ArtifactRequest:
    """Return a stream."""
    return ArtifactRequest(STREAM, "stream", f"/{STREAM}", producer)


def put_stream(pair: RepositoryPair, script: str) -> PutResult:
    """Store what a shell prints."""
    return pair.repository.put(put_request(pair, stream_request(Command(("sh", "-c", script))), POINT, STREAM))


def sealed_stream(pair: RepositoryPair, point: str, script: str) -> Artifact:
    """Store what a shell prints under a name with a folder, and seal it."""
    offered = replace(stream_request(Command(("sh", "-c", script))), path=f"/tank/{STREAM}")
    put = pair.repository.put(put_request(pair, offered, point, STREAM))
    stored = next(item for item in pair.repository.list().unsealed if item.point == point)
    artifact = Artifact(STREAM, "stream", stored.tree, offered.path, Census(1, put.bytes, sha256=put.sha256))
    seal(pair, point, artifact)
    return artifact


def listed_again(pair: RepositoryPair, artifact: Artifact, earlier: str, point: str) -> tuple[Artifact, PutResult]:
    """List a stream of an earlier point once more, and seal it."""
    offered = ArtifactRequest(artifact.name, "stream", artifact.path, earlier=Earlier(earlier, artifact))
    put = pair.repository.put(put_request(pair, offered, point, STREAM))
    (stored,) = pair.repository.list().unsealed
    assert (stored.point, stored.workload, stored.run, stored.copied) == (point, STREAM, RUN, False)
    assert stored.id.startswith(put.snapshot)
    again = replace(artifact, tree=stored.tree)
    seal(pair, point, again)
    return again, put


def tree_artifact(pair: RepositoryPair, put: PutResult, tree: str) -> Artifact:
    """Return the stored tree as a manifest names it."""
    return Artifact(WORKLOAD, "tree", tree, str(make_tree(pair.directory)), Census(put.files, put.bytes))


def seal(pair: RepositoryPair, point: str, artifact: Artifact, *kept: Artifact) -> Manifest:
    """Seal a point of one member; of that the platform keeps something itself, too."""
    member = Member(artifact.name, SOURCE, "files", {}, NOW, (artifact, *kept))
    instant = NOW + timedelta(hours=(POINT, LATER_POINT, LAST_POINT).index(point))
    manifest = Manifest(point, SET, BY, RUN, instant, instant + timedelta(minutes=1), True, (member,))
    pair.repository.append(manifest)
    return manifest


def sealed_tree(pair: RepositoryPair, point: str = POINT, *, kept: tuple[Artifact, ...] = ()) -> Artifact:
    """Store the tree and seal it."""
    put = put_tree(pair, point)
    stored = next(item for item in pair.repository.list().unsealed if item.point == point)
    artifact = tree_artifact(pair, put, stored.tree)
    seal(pair, point, artifact, *kept)
    return artifact


def _data_of(pair: RepositoryPair, name: str) -> DataSnapshot:
    return next(point.data[0] for point in pair.repository.list().points if point.point == name)


def get_request(pair: RepositoryPair, artifact: Artifact, directory: Path) -> GetRequest:
    """Return a request for all of an artifact."""
    return GetRequest(artifact, POINT, WORKLOAD, SOURCE, str(directory), pair.runner)


def only_point(repository: Repository) -> RecoveryPoint:
    """Return the one point there is."""
    (point,) = repository.list().points
    return point


def empty_directory(pair: RepositoryPair, name: str) -> Path:
    """Make a directory to pour into."""
    directory = pair.directory / name
    directory.mkdir()
    return directory


def contents(root: Path) -> dict[str, object]:
    """Return what lies below a directory, as values that compare."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None,
        )
        for path in sorted(root.rglob("*"))
    }


def _is_digest(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _as_written(listing: Listing) -> Listing:
    """Without when it was taken, and with as much of a name as an old program tells."""
    told = (replace(each, snapshot=each.snapshot[:8]) for each in listing.evidence)
    holds = tuple(sorted(listing.holds, key=lambda each: each.id))  # what was written in one second is listed in any order
    return replace(listing, taken=NOW, holds=holds, evidence=tuple(sorted(told, key=lambda each: each.id)))


def hold(name: str) -> Hold:
    """Return a hold with everything filled in."""
    return Hold(name, SET, BY, "audit, until\nit is over — 100 %", NOW, NOW + timedelta(days=30), POINT)


def evidence(name: str) -> Evidence:
    """Return evidence with everything filled in."""
    return Evidence(
        id=name,
        subject="drill",
        by=BY,
        repository="near",
        outcome="succeeded",
        started=NOW,
        ended=NOW + timedelta(minutes=5, microseconds=7),
        set=SET,
        point=POINT,
        rto_seconds=300.5,
        rpo_seconds=0.0,
        bytes=19,
        files=5,
        checks_passed=2,
        checks_planned=3,
        details={"why": "a reason"},
    )


def signed_evidence(name: str) -> SignedEvidence:
    """Return a document as evidence is stored; a repository does not look at its signature."""
    record = EvidenceRecord(
        id=name,
        subject="drill",
        by=BY,
        repository="near",
        outcome="interrupted",
        started=NOW,
        ended=NOW + timedelta(minutes=5),
        signer="SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZIDTMczCvj3tD2s",
        public_key="ssh-ed25519 AAAA",
        number=7,
        previous="5" * 64,
        set=SET,
        point=POINT,
        details={"why": "a, reason = 100 %"},
    )
    return SignedEvidence(canonical(record).decode("ascii"), "signature")
