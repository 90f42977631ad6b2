# ruff: noqa: S101 - a suite of tests, to be inherited
from __future__ import annotations

import hashlib
import json
import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from drtool.model.codec import decode, encode
from drtool.model.command import Command
from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.model.locator import Locator
from drtool.model.plan import Destination, Landed, Restored
from drtool.model.point import Artifact, Member
from drtool.model.policy import Settings
from drtool.model.workload import LOCAL, NATIVE, QUIET, Leftover, Snapshot, Workload
from drtool.ports import (
    ArtifactRequest,
    Inspection,
    Landing,
    LandRequest,
    Platform,
    PutResult,
    RecallRequest,
    ReserveRequest,
    Runner,
    Source,
)
from drtool.sources.sandbox_only import SandboxOnly
from drtool.testing.platform_contract import PlatformContract

Noun = TypeVar("Noun")
_LOOKS = 50
BY = "contract"
RUN = "01J00000000000000000000RVN"
POINT = "01J0000000000000000000PBNT"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Subject:
    """A source to be tried: what to select, its sandbox's keys, and which destinations can be served."""

    source: Source
    selector: Settings
    place: Settings
    directory: Path
    originals: bool = True
    missing: Settings | None = None
    """A selector that names something that does not exist."""
    directories: bool = True
    """What is restored can go to a directory of this machine."""
    inside: bool = False
    """Commands can be run inside of its workloads."""
    quiesces: bool = False
    """Its workloads can be held still."""

    @property
    def form(self) -> str:
        """A destination that can be served, in production where that can."""
        return "original" if self.originals else "directory"


Content = dict[str, dict[str, bytes]]
"""By artifact that is stored: its files by relative name; what is one file or one stream has the empty name."""


class SourceContract(PlatformContract):
    """What every source promises; inherit it and give a `subject` fixture and `observe` and `spoil`.

    Nothing in it knows files, but for the ways of looking that a source without them gives itself: `look` and `stranger`.
    """

    @pytest.fixture
    @abstractmethod
    def subject(self, tmp_path: Path) -> Subject:
        """Return a fresh source whose selector matches at least one workload."""

    @pytest.fixture
    def platform(self, subject: Subject) -> Platform:
        return subject.source

    @pytest.fixture
    def seen(self, subject: Subject) -> Callable[[], object]:
        return lambda: self.observe(subject)

    @abstractmethod
    def observe(self, subject: Subject) -> object:
        """Return what is in service, as a value that compares."""

    @abstractmethod
    def spoil(self, subject: Subject) -> None:
        """Damage what is in service."""

    def look(self, subject: Subject, restored: Restored) -> Content:
        """Return what is restored, as it can be seen from where `inspect` tells."""
        inspection = inspected(subject.source, restored)
        (artifact,) = restored.member.artifacts
        assert inspection.root is not None
        return {artifact.name: snapshot_content(Path(inspection.root))}

    def stranger(self, subject: Subject) -> tuple[str, Callable[[], bool]]:
        """Make something that carries no label of ours; return its locator, and what tells that it is still as it was."""
        folder = subject.directory / "drtool-stranger"
        folder.mkdir()
        (folder / "precious").touch()
        return str(folder), (folder / "precious").exists

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

    def test_a_snapshot_that_stays_says_until_when(self, subject: Subject) -> None:
        workload = subject.source.discover(subject.selector)[0]
        if not workload.snapshots or workload.existing_snapshot:
            pytest.skip("it is read live")
        until = datetime(2020, 5, 6, tzinfo=UTC)  # what stays as yet need not be told
        before = subject.source.leftovers((subject.place,))
        taken = subject.source.snapshot(workload, f"{RUN}/1", keep_until=until)
        (left,) = [each for each in subject.source.leftovers((subject.place,)) if each not in before]
        assert (left.what, left.locator) == (LOCAL, taken.locator)
        assert datetime.fromisoformat(left.expires) == until
        assert subject.source.snapshot(workload, f"{RUN}/1", keep_until=until) == taken
        with subject.source.export(taken) as export:
            assert export.artifacts
        for _twice in range(2):
            subject.source.release(left)
        assert [each for each in subject.source.leftovers((subject.place,)) if each.what == LOCAL] == []

    def test_an_export_leaves_nothing(self, subject: Subject) -> None:
        taken = snapshot_of(subject)
        before = subject.source.leftovers((subject.place,))
        with subject.source.export(taken) as export:
            assert len({artifact.name for artifact in export.artifacts}) == len(export.artifacts) > 0
            for artifact in (each for each in export.artifacts if not each.places):
                census = export.census(artifact, PutResult("id", files=1, bytes=2, stored_bytes=2, sha256="0" * 64))
                assert (census.files, census.bytes) == (1, 2)
        kept = [leftover for leftover in subject.source.leftovers((subject.place,)) if leftover.what == NATIVE]
        assert [leftover for leftover in subject.source.leftovers((subject.place,)) if leftover not in kept] == list(before)
        assert all(leftover.store for leftover in kept), "what it keeps, its stores answer for"

    @pytest.mark.parametrize("form", ["original", "directory", "sandbox"])
    def test_what_was_exported_comes_back(self, subject: Subject, form: str) -> None:
        if not (subject.originals if form == "original" else subject.directories or form == "sandbox"):
            pytest.skip(f"it cannot restore to {form}")
        before = self.observe(subject)
        member, content = take(subject)
        if form == "original":
            self.spoil(subject)
            assert self.observe(subject) != before
        request = land_request(subject, member, form)
        landed = pour(subject.source, request, content)
        again = subject.source.cutover(landed)
        assert subject.source.cutover(landed) == again
        assert self.observe(subject) == before
        if form != "original":
            assert self.look(subject, restored_of(member, again)) == content
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
        request = land_request(subject, member, subject.form)
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
        with pytest.raises(Corrupt), subject.source.land(land_request(subject, member, subject.form)):
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
        locator, is_there = self.stranger(subject)
        for what in ("sandbox", "staging", "kept"):
            with pytest.raises(Refused):
                subject.source.release(Leftover(subject.source.name, what, locator, RUN, BY))
        assert is_there()

    def test_an_occupied_directory_is_refused(self, subject: Subject) -> None:
        if not subject.directories:
            pytest.skip("it cannot restore to directory")
        member, content = take(subject)
        request = land_request(subject, member, "directory")
        subject.source.cutover(pour(subject.source, request, content))
        with pytest.raises(Refused, match="exists already"), subject.source.land(request):
            pass

    def test_what_landed_travels_as_json(self, subject: Subject) -> None:
        member, content = take(subject)
        landed = pour(subject.source, land_request(subject, member, "sandbox"), content)
        assert landed.locator.kind
        assert landed.locator.version
        again = subject.source.cutover(travelled(Landed, landed))
        restored = travelled(Restored, restored_of(member, again))
        assert is_up(subject.source, restored)
        assert self.look(subject, restored) == content

    @pytest.mark.parametrize("told", ["nothing", "in words of another kind", "in a later version", "in another shape"])
    def test_a_locator_that_is_not_its_own_is_refused(self, subject: Subject, told: str) -> None:
        member, content = take(subject)
        landed = pour(subject.source, land_request(subject, member, "sandbox"), content)
        own = landed.locator
        wrong = {
            "nothing": Locator(),
            "in words of another kind": replace(own, kind="another"),
            "in a later version": replace(own, version=own.version + 1),
            "in another shape": replace(own, facts=dict.fromkeys(own.facts, 7)),
        }[told]
        with pytest.raises(Refused) as caught:
            subject.source.cutover(replace(landed, locator=wrong))
        assert caught.value.hint
        restored = restored_of(member, subject.source.cutover(landed))
        with pytest.raises(Refused):
            inspected(subject.source, replace(restored, locator=wrong))

    def test_what_runs_is_up_once_it_was_started(self, subject: Subject) -> None:
        member, content = take(subject)
        restored = restored_of(member, subject.source.cutover(pour(subject.source, land_request(subject, member, "sandbox"), content)))
        if not member.starts:
            with pytest.raises(Refused, match="nothing of it runs"):
                subject.source.start(restored)
            return
        assert not inspected(subject.source, restored).up
        subject.source.start(restored)
        subject.source.start(restored)
        assert is_up(subject.source, restored)

    def test_it_may_be_looked_at_twice_at_once(self, subject: Subject) -> None:
        member, content = take(subject)
        restored = restored_of(member, subject.source.cutover(pour(subject.source, land_request(subject, member, "sandbox"), content)))
        assert is_up(subject.source, restored)
        with subject.source.inspect(restored) as first, subject.source.inspect(restored) as second:
            assert first.up
            assert second.up
        assert inspected(subject.source, restored).up

    def test_every_runner_it_uses_is_told(self, subject: Subject) -> None:
        told = {runner.name for runner in subject.source.runners()}
        assert len(told) == len(subject.source.runners())
        with subject.source.export(snapshot_of(subject)) as export:
            used = {(artifact.runner or export.runner).name for artifact in export.artifacts}
        member, content = take(subject)
        with subject.source.land(land_request(subject, member, "sandbox")) as landing:
            pour_into(subject.source, landing, member, content)
            used |= {landing.way_of(artifact.name).runner.name for artifact in member.artifacts}
        used.add(inspected(subject.source, restored_of(member, subject.source.cutover(landing.landed))).runner.name)
        assert used | {subject.source.runner.name} <= told

    def test_a_command_is_run_inside_of_what_exists_or_refused_by_name(self, subject: Subject) -> None:
        workload = subject.source.discover(subject.selector)[0].name
        if not subject.inside:
            with pytest.raises(Refused, match=re.escape(workload)) as caught, subject.source.runner_in(workload):
                pass
            assert caught.value.hint
            return
        with subject.source.runner_in(workload) as runner:
            assert runner.name not in {told.name for told in subject.source.runners()}
            assert runner.find("nobody's") == ()
        with pytest.raises(NotFound), subject.source.runner_in(f"{workload}-that-nobody-made"):
            pass
        with a_drill_may_not(), SandboxOnly(subject.source).runner_in(workload):
            pass

    def test_what_is_held_still_is_labelled_until_it_goes_on_or_refused_by_name(self, subject: Subject) -> None:
        workloads, label = subject.source.discover(subject.selector), f"{RUN}/1"
        before = self.observe(subject)
        if not subject.quiesces:
            with pytest.raises(Refused, match=re.escape(workloads[0].name)) as caught:
                subject.source.quiesce(workloads, label, seconds=30)
            assert caught.value.hint
            assert not [each for each in left(subject) if each.what == QUIET]
            return
        held = subject.source.quiesce(workloads, label, seconds=30)
        assert held == subject.source.quiesce(workloads, label, seconds=30)
        assert [each for each in left(subject) if each.what == QUIET] == [held]
        assert (held.run, held.by, held.source) == (RUN, BY, subject.source.name)
        assert datetime.fromisoformat(held.expires)
        taken = [subject.source.snapshot(workload, label, together=workloads) for workload in workloads]
        subject.source.release(held)
        subject.source.release(held)
        assert not [each for each in left(subject) if each.what == QUIET]
        assert self.observe(subject) == before
        assert {snapshot.workload.name for snapshot in taken} == {workload.name for workload in workloads}
        with a_drill_may_not():
            SandboxOnly(subject.source).quiesce(workloads, label, seconds=30)

    def test_a_drill_touches_only_what_it_reserved_and_landed(self, subject: Subject) -> None:
        member, content = take(subject)
        drill = SandboxOnly(subject.source)
        theirs = land_request(subject, member, "sandbox")
        with a_drill_may_not(), drill.land(theirs):
            pass
        elsewhere = pour(subject.source, theirs, content)
        with a_drill_may_not():
            drill.cutover(elsewhere)
        own = land_request(replace(subject, source=drill), member, "sandbox")
        landed = pour(drill, own, content)
        for forged in (replace(landed, locator=elsewhere.locator), replace(elsewhere, locator=landed.locator), replace(landed, target="/")):
            if forged != landed:
                with a_drill_may_not():
                    drill.cutover(forged)
        in_service = subject.source.cutover(elsewhere)
        with a_drill_may_not():
            inspected(drill, restored_of(member, in_service))
        restored = restored_of(member, drill.cutover(travelled(Landed, landed)))
        assert is_up(drill, travelled(Restored, restored))
        foreign = replace(restored, locator=in_service.locator)
        for touch in (lambda: inspected(drill, foreign), lambda: drill.start(foreign)):
            with a_drill_may_not():
                touch()
        drill.release(next(each for each in left(subject) if each.what == "sandbox" and each.locator == own.reserved))

    def test_a_drill_after_a_crash_may_only_release(self, subject: Subject) -> None:
        member, content = take(subject)
        former = SandboxOnly(subject.source)
        request = land_request(replace(subject, source=former), member, "sandbox")
        landed = pour(former, request, content)
        drill = SandboxOnly(subject.source)
        sandbox = next(each for each in left(subject) if each.what == "sandbox")
        with a_drill_may_not():
            drill.release(sandbox)
        assert sandbox in drill.leftovers((subject.place,))
        for forbidden in (lambda: drill.cutover(landed), lambda: drill.land(request).__enter__()):
            with a_drill_may_not():
                forbidden()
        with a_drill_may_not():
            drill.release(replace(sandbox, locator=f"{sandbox.locator}x"))
        drill.release(sandbox)
        assert sandbox not in left(subject)


def inspected(source: Source, restored: Restored) -> Inspection:
    """Look at a restored thing once: what it told may be read after it was closed."""
    with source.inspect(restored) as inspection:
        return inspection


def is_up(source: Source, restored: Restored) -> bool:
    """Start it if it has to be, and look until it is up."""
    if restored.member.starts:
        source.start(restored)
    return any(inspected(source, restored).up for _look in range(_LOOKS))


def restored_of(member: Member, landed: Landed) -> Restored:
    """Return what a cutover put in place, as the engine tells it on."""
    return Restored(member.workload, landed.source, landed.destination, landed.target, member, opened=landed.opened, locator=landed.locator)


def travelled(noun: type[Noun], value: Noun) -> Noun:
    """Return a value as it comes out of JSON."""
    return decode(noun, json.loads(json.dumps(encode(value))))


def a_drill_may_not() -> pytest.RaisesExc[Refused]:
    """Expect that the sandbox wrapper refuses."""
    return pytest.raises(Refused, match="a drill may not")


def snapshot_of(subject: Subject) -> Snapshot:
    """Take the snapshot of the first workload."""
    workload: Workload = subject.source.discover(subject.selector)[0]
    return subject.source.snapshot(workload, f"{RUN}/1")


def take(subject: Subject) -> tuple[Member, Content]:
    """Export the first workload into memory, as a repository would, and return its member and its content."""
    taken = snapshot_of(subject)
    content: Content = {}
    stored = []
    with subject.source.export(taken) as export:
        for artifact in export.artifacts:
            if artifact.places:  # its platform keeps it, and tells of it itself
                census = export.census(artifact, PutResult("", files=0, bytes=0, stored_bytes=0))
                stored.append(Artifact(artifact.name, "native", "", artifact.path, census, places=artifact.places))
                continue
            read = content[artifact.name] = _read(artifact, artifact.runner or export.runner)
            digest = hashlib.sha256(read.get("", b"")).hexdigest() if artifact.form == "stream" else ""
            put = PutResult("id", files=len(read), bytes=sum(map(len, read.values())), stored_bytes=0, sha256=digest)
            stored.append(Artifact(artifact.name, artifact.form, "0" * 64, artifact.path, export.census(artifact, put)))
    workload = taken.workload
    return Member(workload.name, workload.source, workload.kind, workload.selector, NOW, tuple(stored)), content


def snapshot_content(path: Path) -> dict[str, bytes]:
    """Return the files below `path` by relative name; one file has the empty name."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(item.relative_to(path)): item.read_bytes() for item in path.rglob("*") if item.is_file() and not item.is_symlink()}


def pour(source: Source, request: LandRequest, content: Content) -> Landed:
    """Land content as a repository would: files under their own full path, streams into whatever takes them."""
    with source.land(request) as landing:
        pour_into(source, landing, request.member, content)
        return landing.landed


def pour_into(source: Source, landing: Landing, member: Member, content: Content) -> None:
    """Pour each artifact the way it goes; what the platform keeps it recalls itself."""
    stores = {store.name: store for store in source.stores()}
    for artifact in member.artifacts:
        way = landing.way_of(artifact.name)
        if artifact.native:
            assert way.recalled is not None
            stores[artifact.places[0].store].recall(RecallRequest(artifact.places[0], way.recalled, member.workload))
            continue
        files = content[artifact.name]
        if way.into is not None:
            assert way.runner.run(replace(way.into, standard_input=files[""])).exit_code == 0
            continue
        root = Path(way.directory + artifact.path)
        for name, data in files.items():
            path = root / name if name else root
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


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
    places = ({"directory": str(subject.directory / "restored")},) if subject.directories else ()
    return subject.source.leftovers((subject.place, *places))


def _read(artifact: ArtifactRequest, runner: Runner) -> dict[str, bytes]:
    if artifact.producer is not None:
        chunks: list[bytes] = []
        (artifact.producer_runner or runner).pipe(artifact.producer, consume=chunks.append)
        return {"": b"".join(chunks)}
    assert runner.run(Command(("test", "-e", artifact.path))).exit_code == 0
    return snapshot_content(Path(artifact.path))
