# ruff: noqa: S101, PLR2004 - a suite of tests, to be inherited
from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.command import Command
from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.model.plan import Destination, Landed
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import Settings
from drtool.model.workload import Leftover, Snapshot, Workload
from drtool.ports import ArtifactRequest, LandRequest, PutResult, ReserveRequest, Source

BY = "contract"
RUN = "01J00000000000000000000RVN"
POINT = "01J0000000000000000000PBNT"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Subject:
    """A source to be tried: what to select, its sandbox's keys, and whether the original destination can be served."""

    source: Source
    selector: Settings
    place: Settings
    directory: Path
    originals: bool = True
    missing: Settings | None = None
    """A selector that names something that does not exist."""


class SourceContract(ABC):
    """What every source promises; inherit it and give a `subject` fixture and `observe` and `spoil`."""

    @pytest.fixture
    @abstractmethod
    def subject(self, tmp_path: Path) -> Subject:
        """Return a fresh source whose selector matches at least one workload."""

    @abstractmethod
    def observe(self, subject: Subject) -> object:
        """Return what is in service, as a value that compares."""

    @abstractmethod
    def spoil(self, subject: Subject) -> None:
        """Damage what is in service."""

    def test_discover_is_repeatable_and_names_are_unique(self, subject: Subject) -> None:
        found = subject.source.discover(subject.selector)
        assert found
        assert found == subject.source.discover(subject.selector)
        assert len({workload.name for workload in found}) == len(found)
        assert all(workload.source == subject.source.name and workload.kind == subject.source.kind for workload in found)
        assert not any(workload.problem for workload in found)

    def test_what_does_not_exist_carries_its_problem(self, subject: Subject) -> None:
        if subject.missing is None:
            pytest.skip("everything can be named here")
        (workload,) = subject.source.discover(subject.missing)
        assert "does not exist" in workload.problem
        with pytest.raises(Refused):
            subject.source.snapshot(workload, f"{RUN}/1")

    def test_the_same_label_gives_the_same_snapshot(self, subject: Subject) -> None:
        workload = subject.source.discover(subject.selector)[0]
        assert subject.source.snapshot(workload, f"{RUN}/1") == subject.source.snapshot(workload, f"{RUN}/1")

    def test_taken_together_each_is_still_asked_for_by_itself(self, subject: Subject) -> None:
        first, *others = subject.source.discover(subject.selector)
        taken = subject.source.snapshot(first, f"{RUN}/1", together=others)
        assert subject.source.snapshot(first, f"{RUN}/1") == taken
        each = [subject.source.snapshot(other, f"{RUN}/1") for other in others]
        assert [snapshot.workload for snapshot in each] == others

    def test_an_export_leaves_nothing(self, subject: Subject) -> None:
        taken = snapshot_of(subject)
        before = subject.source.leftovers((subject.place,))
        with subject.source.export(taken) as export:
            (artifact,) = export.artifacts
            census = export.census(artifact, PutResult("id", files=1, bytes=2, stored_bytes=2, sha256="0" * 64))
        assert census.files == 1
        assert census.bytes == 2
        assert subject.source.leftovers((subject.place,)) == before

    @pytest.mark.parametrize("form", ["original", "directory", "sandbox"])
    def test_what_was_exported_comes_back(self, subject: Subject, form: str) -> None:
        if form == "original" and not subject.originals:
            pytest.skip("it has no original destination")
        before = self.observe(subject)
        member, content = take(subject)
        if form == "original":
            self.spoil(subject)
            assert self.observe(subject) != before
        request = land_request(subject, member, form)
        landed = pour(subject.source, request, content)
        again = subject.source.cutover(landed)
        assert subject.source.cutover(landed) == again
        if form == "original":
            assert self.observe(subject) == before
        else:
            assert self.observe(subject) == before
            assert snapshot_content(subject, Path(again.target)) == content
        assert not [leftover for leftover in left(subject) if leftover.what == "staging"]

    def test_what_is_in_the_way_is_kept_until_it_is_released(self, subject: Subject) -> None:
        if not subject.originals:
            pytest.skip("it has no original destination")
        member, content = take(subject)
        landed = subject.source.cutover(pour(subject.source, land_request(subject, member, "original"), content))
        assert landed.aside
        (kept,) = [leftover for leftover in left(subject) if leftover.what == "kept"]
        assert kept.locator == landed.aside
        assert kept.expires == ""
        assert (kept.run, kept.by, kept.source) == (RUN, BY, subject.source.name)
        subject.source.release(kept)
        subject.source.release(kept)
        assert kept not in left(subject)

    def test_a_landing_that_died_is_a_leftover_and_can_be_released(self, subject: Subject) -> None:
        member, content = take(subject)
        request = land_request(subject, member, "original" if subject.originals else "directory")
        before = self.observe(subject)
        landed = pour(subject.source, request, content)
        found = [leftover for leftover in left(subject) if leftover.what == "staging"]
        assert [(leftover.run, leftover.by) for leftover in found] == [(RUN, BY)]
        assert datetime.fromisoformat(found[0].expires) == LATER
        subject.source.release(found[0])
        subject.source.release(found[0])
        assert not [leftover for leftover in left(subject) if leftover.what == "staging"]
        assert self.observe(subject) == before
        with pytest.raises(NotFound):
            subject.source.cutover(landed)

    def test_a_pour_that_failed_is_removed_at_once(self, subject: Subject) -> None:
        member, _ = take(subject)
        with pytest.raises(Corrupt), subject.source.land(land_request(subject, member, "directory")):
            raise Corrupt("the copy is damaged")
        assert not [leftover for leftover in left(subject) if leftover.what == "staging"]

    def test_a_sandbox_is_labelled_leased_and_released(self, subject: Subject) -> None:
        reserved = reserve(subject)
        assert (reserved.what, reserved.run, reserved.by) == ("sandbox", RUN, BY)
        assert datetime.fromisoformat(reserved.expires) == LATER
        assert reserved in left(subject)
        subject.source.release(reserved)
        subject.source.release(reserved)
        assert reserved not in left(subject)

    def test_a_sandbox_that_was_not_reserved_is_refused(self, subject: Subject) -> None:
        member, _ = take(subject)
        request = replace(land_request(subject, member, "sandbox"), reserved=str(subject.directory / "elsewhere"))
        with pytest.raises(Refused), subject.source.land(request):
            pass

    def test_what_carries_no_label_is_not_released(self, subject: Subject) -> None:
        stranger = subject.directory / "drtool-stranger"
        stranger.mkdir()
        (stranger / "precious").touch()
        for what in ("sandbox", "staging", "kept"):
            with pytest.raises(Refused):
                subject.source.release(Leftover(subject.source.name, what, str(stranger), RUN, BY))
        assert (stranger / "precious").exists()

    def test_an_occupied_directory_is_refused(self, subject: Subject) -> None:
        member, content = take(subject)
        request = land_request(subject, member, "directory")
        subject.source.cutover(pour(subject.source, request, content))
        with pytest.raises(Refused, match="exists already"), subject.source.land(request):
            pass


def snapshot_of(subject: Subject) -> Snapshot:
    """Take the snapshot of the first workload."""
    workload: Workload = subject.source.discover(subject.selector)[0]
    return subject.source.snapshot(workload, f"{RUN}/1")


def take(subject: Subject) -> tuple[Member, dict[str, bytes]]:
    """Export the first workload into memory, as a repository would, and return its member and its files by relative name."""
    taken = snapshot_of(subject)
    with subject.source.export(taken) as export:
        (artifact,) = export.artifacts
        content = _read(subject, artifact)
        put = PutResult(
            "id",
            files=len(content),
            bytes=sum(map(len, content.values())),
            stored_bytes=0,
            sha256=hashlib.sha256(content.get("", b"")).hexdigest() if artifact.form == "stream" else "",
        )
        census: Census = export.census(artifact, put)
    workload = taken.workload
    stored = Artifact(artifact.name, artifact.form, "0" * 64, artifact.path, census)
    return Member(workload.name, workload.source, workload.kind, workload.selector, NOW, (stored,)), content


def snapshot_content(subject: Subject, path: Path) -> dict[str, bytes]:
    """Return the files below `path` by relative name; one file has the empty name."""
    del subject
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file() and not item.is_symlink()}


def pour(source: Source, request: LandRequest, content: dict[str, bytes]) -> Landed:
    """Land files as a repository would: under their own full path."""
    with source.land(request) as landing:
        root = Path(landing.directory + request.member.artifacts[0].path)
        for name, data in content.items():
            path = root / name if name else root
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return landing.landed


def land_request(subject: Subject, member: Member, form: str) -> LandRequest:
    """Ask for one of the three destinations; a sandbox is reserved first."""
    reserved = reserve(subject).locator if form == "sandbox" else ""
    path = str(subject.directory / "restored") if form == "directory" else ""
    destination = Destination(form, path=path, sandbox="lab" if form == "sandbox" else "")
    return LandRequest(member, POINT, RUN, BY, destination, LATER, reserved=reserved)


def reserve(subject: Subject) -> Leftover:
    """Reserve the subject's sandbox for nothing much."""
    return subject.source.reserve(ReserveRequest(subject.place, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, LATER))


def left(subject: Subject) -> tuple[Leftover, ...]:
    """List the leftovers, also those in the directory that `land_request` restores to."""
    return subject.source.leftovers((subject.place, {"directory": str(subject.directory / "restored")}))


def _read(subject: Subject, artifact: ArtifactRequest) -> dict[str, bytes]:
    if artifact.producer is not None:
        chunks: list[bytes] = []
        subject.source.runner.pipe(artifact.producer, consume=chunks.append)
        return {"": b"".join(chunks)}
    assert subject.source.runner.run(Command(("test", "-e", artifact.path))).exit_code == 0
    return snapshot_content(subject, Path(artifact.path))
