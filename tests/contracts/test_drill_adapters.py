"""What the adapters of a drill can do, action by action, and how they are kept from the rest: with a real repository and real files."""

from __future__ import annotations

import hashlib
import json
import os
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.app.facade import App
from drtool.app.runtime import Runtime
from drtool.app.working import carry_out
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.perform import perform
from drtool.model import plan as actions
from drtool.model.codec import decode, encode
from drtool.model.errors import Refused
from drtool.model.hold import Hold
from drtool.model.negative_control import Controlled, Fault
from drtool.model.outcome import Outcome
from drtool.model.plan import Action, Destination, Done, Fetched, Landed, Plan, Restored, Result, Step
from drtool.model.point import Manifest, Member, SampledFile
from drtool.model.policy import CheckPolicy, Hook
from drtool.model.workload import QUIET, Leftover, Workload
from drtool.ports import Landing, LandRequest, ReserveRequest
from drtool.staging.staged import Staged, locator_of, staged
from tests.integration.key_world import KeyWorld, make_key_world

LAB = Destination("sandbox", sandbox="lab")
ORIGINAL = Destination("original")
LATER = datetime.now(UTC) + timedelta(hours=1)
DRILL = "a drill may"


@dataclass(frozen=True)
class Drilled:
    """A sealed point, everything that a drill may not touch, and the hands it is given."""

    world: KeyWorld
    app: App
    runtime: Runtime
    adapters: Adapters
    manifest: Manifest
    outside: Path
    results: dict[str, Result] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def member(self) -> Member:
        return self.manifest.members[0]

    @property
    def workload(self) -> Workload:
        (found,) = self.runtime.adapters.sources["here"].discover({"paths": [str(self.world.tree)]})
        return found

    def perform(self, action: Action) -> Result:
        step = Step("documents/step", action, "a test", set="documents", needs=tuple(each.id for each in self.steps))
        plan = Plan("drill", self.runtime.adapters.clock.fresh_id(), "keyed", datetime.now(UTC), (*self.steps, step))
        return perform(Work(plan, step, self.results, self.adapters, lambda _progress: None))

    def state(self) -> dict[str, Any]:
        """Everything on the disk that is not the drill's: production, what lies outside, and the repository but for its locks."""
        roots = (self.world.tree, self.outside, self.world.repository)
        return {str(path): looked_at(path) for root in roots for path in sorted(root.rglob("*")) if path.parent.name != "locks"}

    def snapshots(self) -> dict[str, str]:
        """Roles of what lies in the repository, by snapshot id."""
        rows = json.loads(self.world.restic("snapshots", "--json").stdout)
        return {row["id"]: next(tag for tag in row["tags"] if tag.startswith("role=")) for row in rows}

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        before = self.state(), self.snapshots()
        yield
        assert (self.state(), self.snapshots()) == before

    @contextmanager
    def only_records_are_added(self) -> Iterator[None]:
        before = self.snapshots()
        production = {path: seen for path, seen in self.state().items() if not path.startswith(str(self.world.repository))}
        yield
        after = self.snapshots()
        assert before.items() <= after.items()
        added = {role for snapshot, role in after.items() if snapshot not in before}
        assert "role=evidence" in added <= {"role=evidence", "role=hold"}
        assert {path: seen for path, seen in self.state().items() if not path.startswith(str(self.world.repository))} == production

    def restore(self, destination: Destination) -> actions.Restore:
        return actions.Restore(self.manifest.point, self.member, ("near",), destination)

    def reserve(self, adapters: Adapters | None = None) -> Leftover:
        """Make a sandbox, by the drill's adapters or by another's."""
        place = self.app.policy.sandboxes["lab"].places["here"]
        request = ReserveRequest(place, LAB, "01ANOTHERRUN", "keyed", 1, LATER)
        return (adapters or self.adapters).sources["here"].reserve(request)

    def land_request(self, **changes: Any) -> LandRequest:  # noqa: ANN401
        request = LandRequest(self.member, self.manifest.point, "01ANOTHERRUN", "keyed", LAB, LATER)
        return replace(request, **changes)

    def landed(self, adapters: Adapters, request: LandRequest) -> Landed:
        """Pour a file by the given adapters."""
        with adapters.sources["here"].land(request) as landing:
            self.pour(landing)
        return landing.landed

    def pour(self, landing: Landing) -> None:
        root = Path(landing.way_of("").directory + str(self.world.tree))
        root.mkdir(parents=True)
        (root / "poured").write_text("poured")


def looked_at(path: Path) -> tuple[str, ...]:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    link = os.readlink(path) if path.is_symlink() else ""
    return oct(status.st_mode), str(status.st_mtime_ns) if not path.is_dir() else "", content, link


@pytest.fixture(scope="module")
def module_world(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Iterator[tuple[KeyWorld, Path]]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("adapters")
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        outside = root / "outside"
        (outside / "deep").mkdir(parents=True)
        (outside / "precious").write_text("precious")
        (outside / "deep").chmod(0o500)
        world = make_key_world(root / "w", restic_newest, backed_up=False)
        (world.tree / "way out").symlink_to(outside)
        (world.tree / "letters" / "file out").symlink_to(outside / "precious")
        world.policy["drills"]["controlled"] = {"sets": ["documents"], "from": "near", "sandbox": "lab", "negative_control": True}
        world.policy["repositories"]["empty"] = {"restic": str(world.root / "empty"), "password": f"file:{world.live}"}
        assert world.app().initialise(["empty"]).outcome == "succeeded"
        for _ in range(2):
            assert world.app().run().outcome == "succeeded"
        world.policy["sets"]["documents"]["keep"] = {"last": 1}  # from here on the older one may go, and only the adapters keep it
        yield world, outside


@pytest.fixture
def drilled(module_world: tuple[KeyWorld, Path], home: Path) -> Drilled:
    world, outside = module_world
    runtime = world.runtime()
    app = App(runtime)
    point = app.points(refresh=True)[0].point.point
    manifest = app.show(point)
    assert isinstance(manifest, Manifest)
    return Drilled(world, app, runtime, runtime.adapters.for_drill(), manifest, outside)


def original(drilled: Drilled) -> Restored:
    return Restored(drilled.member.workload, "here", ORIGINAL, str(drilled.world.tree), drilled.member)


def landed_in_production(drilled: Drilled) -> Fetched:
    """As if something had been landed beside production: with the adapters of a real restore."""
    path = str(drilled.world.tree)
    place = Staged(f"{path}.staging", f"{path}.staging/x", path, f"{path}.staging.json")
    landed = Landed(drilled.member.workload, "here", ORIGINAL, path, locator_of(place))
    return Fetched(landed, drilled.member, "near", 0, 0)


def held_in_production(drilled: Drilled) -> Done:
    """As if a run held production still just now."""
    held = Leftover("here", QUIET, str(drilled.world.tree), "01ANOTHERRUN", "keyed")
    return Done("held still", {"held": encode(held), "since": 0.0})


def with_result(make: Callable[[Drilled], Result], action: Action) -> Callable[[Drilled], Action]:
    def prepare(drilled: Drilled) -> Action:
        drilled.results["restored"] = make(drilled)
        drilled.steps.append(Step("restored", drilled.restore(ORIGINAL), "a test"))
        return action

    return prepare


QUESTION = actions.Ask(CheckPolicy("files", "files", settings={"at_least": 1}), {"x": "restored"}, LATER)


def breaking_production(drilled: Drilled) -> Action:
    drilled.results["restored"] = original(drilled)
    drilled.steps.append(Step("ask", QUESTION, "a test"))
    return actions.Break(Fault.FLIPPED_BYTE, ("ask",), drilled.member.workload)


def sealing(drilled: Drilled) -> Action:
    """The data of a new point was stored by somebody's run."""
    drilled.results["stored"] = replace(drilled, adapters=drilled.runtime.adapters).perform(
        actions.Store(drilled.workload, "near", "01NEWPOINT", LATER)
    )
    return actions.Seal("near", "01NEWPOINT", {drilled.member.workload: "stored"})


# One action each that would do harm, or change something, outside of a sandbox.
HARMFUL: dict[type, Callable[[Drilled], Action]] = {
    actions.Initialise: lambda _drilled: actions.Initialise("empty"),
    actions.RunHook: lambda drilled: actions.RunHook("before_restore", Hook(("touch", str(drilled.outside / "hooked")), "here")),
    actions.Reserve: lambda _drilled: actions.Reserve("here", replace(ORIGINAL, sandbox="lab"), 1, LATER),
    actions.Quiesce: lambda drilled: actions.Quiesce("here", (drilled.workload,), "label", 30.0),
    actions.Thaw: with_result(held_in_production, actions.Thaw("restored", "here")),
    actions.TakeSnapshot: lambda drilled: actions.TakeSnapshot(drilled.workload, "label"),
    actions.Store: lambda drilled: actions.Store(drilled.workload, "near", "01NEWPOINT", LATER),
    actions.Seal: sealing,
    actions.Copy: lambda drilled: actions.Copy("near", "empty", (drilled.manifest.point,)),
    actions.Release: lambda drilled: actions.Release(drilled.reserve(drilled.runtime.adapters)),
    actions.Mount: lambda drilled: actions.Mount("near", drilled.manifest.point, str(drilled.outside / "shown"), LATER, made=True),
    actions.Forget: lambda drilled: actions.Forget("near", (drilled.app.points()[-1].point.point,)),
    actions.Prune: lambda _drilled: actions.Prune("near"),
    actions.Restore: lambda drilled: drilled.restore(ORIGINAL),
    actions.Cutover: with_result(landed_in_production, actions.Cutover("restored", "here")),
    actions.Start: with_result(original, actions.Start("restored", "here")),
    actions.Undo: lambda drilled: actions.Undo(
        Leftover(
            "here", "kept", f"{drilled.world.tree}.before-{drilled.manifest.point}", "01ANOTHERRUN", "keyed", target=str(drilled.world.tree)
        )
    ),
    actions.Ask: with_result(original, QUESTION),
    actions.Break: breaking_production,
}
READING_AND_RECORDING = {actions.Verify, actions.Record}
HOLDING = {actions.PlaceHold, actions.Guard, actions.EndHold}
"""A hold only keeps things; the drill ends none but its own."""
IN_A_SANDBOX = {actions.Reserve, actions.Restore, actions.Cutover, actions.Ask, actions.Break, actions.Record, actions.Release}


def test_every_action_has_a_row() -> None:
    assert set(typing.get_args(Action)) == HARMFUL.keys() | READING_AND_RECORDING | HOLDING


@pytest.mark.parametrize("kind", HARMFUL, ids=lambda kind: str(kind.__name__))
def test_what_a_drill_may_not_do(drilled: Drilled, kind: type) -> None:
    action = HARMFUL[kind](drilled)
    assert type(action) is kind
    with drilled.nothing_changes(), pytest.raises(Refused, match=DRILL) as caught:
        drilled.perform(action)
    assert caught.value.safe
    assert drilled.world.repository.with_name("empty").exists()


def test_a_whole_drill_needs_no_more_and_adds_only_evidence(drilled: Drilled) -> None:
    plan = drilled.app.plan_drill("controlled")
    assert {type(step.action) for step in plan.steps} == IN_A_SANDBOX | {actions.PlaceHold, actions.EndHold}
    held = {hold.id for hold in drilled.app.hold_list()}
    with drilled.only_records_are_added():
        report = carry_out(drilled.runtime, plan, adapters=drilled.adapters)
    assert report.outcome is Outcome.SUCCEEDED, report.failures
    assert {hold.id for hold in drilled.app.hold_list()} == held  # its own pin has ended
    assert all("01ANOTHERRUN" in name for name in os.listdir(drilled.world.root / "lab"))


def test_a_reading_only_adds_its_evidence(drilled: Drilled) -> None:
    with drilled.only_records_are_added():
        drilled.perform(actions.Verify("near"))


def test_a_drill_may_hold_but_not_let_go(drilled: Drilled) -> None:
    hold = Hold("01HOLD", "documents", "keyed", "an incident", datetime.now(UTC))
    own, others = drilled.adapters.repositories["near"], drilled.runtime.adapters.repositories["near"]
    others.append(hold)
    end = replace(hold, id="01END", releases=hold.id)
    with drilled.nothing_changes(), pytest.raises(Refused, match="release a hold"):
        own.append(end)
    with drilled.nothing_changes():
        done = drilled.perform(actions.EndHold("near", hold=hold))
    assert isinstance(done, Done)
    assert done.note == "not released"
    others.append(end)
    own.append(replace(hold, id="01OWN"))
    own.append(replace(hold, id="01OWNEND", releases="01OWN"))
    assert {each.id for each in others.list().holds} >= {"01HOLD", "01END", "01OWN", "01OWNEND"}


def test_a_drill_has_no_key_ring(drilled: Drilled) -> None:
    assert drilled.adapters.key_rings == {}
    assert drilled.runtime.adapters.key_rings.keys() == {"near", "empty"}


# ways out of the sandbox


@pytest.mark.parametrize("path", ["/../../outside", "/x/../../../outside", "outside", "//outside"])
def test_a_manifest_that_leads_out(drilled: Drilled, path: str) -> None:
    artifact = replace(drilled.member.artifacts[0], path=path)
    member = replace(drilled.member, artifacts=(artifact,))
    reserve = Step("reserve/here", actions.Reserve("here", LAB, 1, LATER), "a test")
    drilled.results["reserve/here"] = drilled.perform(reserve.action)
    drilled.steps.append(reserve)
    with drilled.nothing_changes(), pytest.raises(Refused, match="not a plain absolute path"):
        drilled.perform(actions.Restore(drilled.manifest.point, member, ("near",), LAB))


@pytest.mark.parametrize("path", ["/etc/passwd", "{tree}/../x", "{tree}x"])
def test_paths_that_lead_out(drilled: Drilled, path: str) -> None:
    request = drilled.land_request(reserved=drilled.reserve().locator, paths=(path.format(tree=drilled.world.tree),))
    with drilled.nothing_changes(), pytest.raises(Refused), drilled.adapters.sources["here"].land(request):
        pass


def test_a_sandbox_of_somebody_else(drilled: Drilled) -> None:
    theirs = drilled.reserve(drilled.runtime.adapters)
    source = drilled.adapters.sources["here"]
    before = sorted(Path(theirs.locator).rglob("*"))
    with pytest.raises(Refused, match="did not reserve"), source.land(drilled.land_request(reserved=theirs.locator)):
        pass
    landed = drilled.landed(drilled.runtime.adapters, drilled.land_request(reserved=theirs.locator))
    with pytest.raises(Refused, match=DRILL):
        source.cutover(landed)
    with pytest.raises(Refused, match=DRILL):
        source.release(Leftover("here", "staging", staged(landed).staging, "01ANOTHERRUN", "keyed"))
    with pytest.raises(Refused, match=DRILL):
        source.release(theirs)
    assert Path(staged(landed).staging).is_dir()
    drilled.runtime.adapters.sources["here"].release(theirs)
    assert before
    assert not Path(theirs.locator).exists()


@pytest.mark.parametrize("locator", ["{outside}", "{reserved}/../../../outside", "{reserved}/..", "{reserved}x", "/"])
@pytest.mark.parametrize("what", ["sandbox", "staging", "kept", "snapshot"])
def test_releasing_what_lies_outside(drilled: Drilled, locator: str, what: str) -> None:
    reserved = drilled.reserve()
    place = locator.format(outside=drilled.outside, reserved=reserved.locator)
    with drilled.nothing_changes(), pytest.raises(Refused, match=DRILL):
        drilled.adapters.sources["here"].release(replace(reserved, what=what, locator=place))
    drilled.adapters.sources["here"].release(reserved)


@pytest.mark.parametrize("changed", ["target", "content", "staging", "marker", "moves"])
def test_a_forged_landing_leads_nowhere(drilled: Drilled, changed: str) -> None:
    reserved = drilled.reserve()
    landed = drilled.landed(drilled.adapters, drilled.land_request(reserved=reserved.locator))
    away, place = str(drilled.outside / "x"), staged(landed)
    forged = {"moves": (replace(place.moves[0], target=away),)} if changed == "moves" else {changed: away}
    with drilled.nothing_changes(), pytest.raises(Refused, match=DRILL):
        drilled.adapters.sources["here"].cutover(replace(landed, locator=locator_of(replace(place, **forged))))
    drilled.adapters.sources["here"].release(reserved)


def test_a_link_planted_in_the_sandbox(drilled: Drilled) -> None:
    reserved = drilled.reserve()
    landed = drilled.landed(drilled.adapters, drilled.land_request(reserved=reserved.locator))
    (Path(reserved.locator) / "here").symlink_to(drilled.outside)
    with drilled.nothing_changes(), pytest.raises(Refused, match="not a real directory"):
        drilled.adapters.sources["here"].cutover(landed)
    with drilled.nothing_changes():
        drilled.adapters.sources["here"].release(reserved)
    assert not Path(reserved.locator).exists()


def test_links_in_the_restored_tree_lead_no_release_out(drilled: Drilled) -> None:
    reserved = drilled.reserve()
    home = Path(reserved.locator)
    (home / "locked").mkdir()
    (home / "locked" / "way out").symlink_to(drilled.outside)
    (home / "locked").chmod(0o500)
    (home / "to a folder").symlink_to(drilled.outside / "deep")
    with drilled.nothing_changes():
        drilled.adapters.sources["here"].release(reserved)
    assert not home.exists()


@pytest.mark.parametrize("path", [f"{'/..' * 40}{{outside}}/precious", "/letters/file out", "/way out/precious"])
@pytest.mark.parametrize("fault", [Fault.FLIPPED_BYTE, Fault.MISSING_FILE])
def test_a_fault_is_never_injected_outside(drilled: Drilled, path: str, fault: Fault) -> None:
    reserve = Step("reserve/here", actions.Reserve("here", LAB, 1, LATER), "a test")
    drilled.results["reserve/here"] = reserved = drilled.perform(reserve.action)
    drilled.steps.extend([reserve, Step("ask", QUESTION, "a test")])
    drilled.results["fetched"] = drilled.perform(drilled.restore(LAB))
    drilled.steps.append(Step("fetched", drilled.restore(LAB), "a test"))
    restored = drilled.perform(actions.Cutover("fetched", "here"))
    assert isinstance(restored, Restored)
    assert Path(restored.path + "/letters/file out").read_text() == "precious"
    artifact = drilled.member.artifacts[0]
    sample = (SampledFile(artifact.path + path.format(outside=drilled.outside), 8, hashlib.sha256(b"precious").hexdigest()),)
    led_out = replace(drilled.member, artifacts=(replace(artifact, census=replace(artifact.census, sample=sample)),))
    drilled.results["restored"] = replace(restored, member=led_out)
    assert Path(restored.path + sample[0].path[len(artifact.path) :]).resolve() == drilled.outside / "precious"
    with drilled.nothing_changes():
        found = drilled.perform(actions.Break(fault, ("ask",), drilled.member.workload))
    assert isinstance(found, Controlled)
    assert found.detected is None
    assert isinstance(reserved, Done)
    drilled.adapters.sources["here"].release(decode(Leftover, reserved.data))


def test_hooks_in_the_plan_of_a_drill_are_not_run(drilled: Drilled) -> None:
    plan = drilled.app.plan_drill("documents")
    for policy in ("stop", "continue"):
        hook = Hook(("touch", str(drilled.outside / "hooked")), "here", on_failure=policy)
        step = Step("documents/before_restore/1", actions.RunHook("before_restore", hook), "smuggled in", set="documents")
        smuggled = replace(plan, run=drilled.runtime.adapters.clock.fresh_id(), steps=(step, *plan.steps))
        report = carry_out(drilled.runtime, smuggled, adapters=drilled.adapters)
        assert report.outcome is Outcome.REFUSED
        assert not (drilled.outside / "hooked").exists()


def test_an_original_destination_in_the_plan_of_a_drill(drilled: Drilled) -> None:
    plan = drilled.app.plan_drill("documents")
    steps = tuple(
        replace(step, action=replace(step.action, destination=ORIGINAL)) if isinstance(step.action, actions.Restore) else step
        for step in plan.steps
    )
    with drilled.only_records_are_added():
        report = carry_out(drilled.runtime, replace(plan, steps=steps), adapters=drilled.adapters)
    assert report.outcome is Outcome.REFUSED
    assert not list(drilled.world.root.glob("*.drtool*"))


def test_too_little_room_is_told_in_words(drilled: Drilled) -> None:
    with drilled.nothing_changes(), pytest.raises(Refused, match=r"\d GiB free and 1024\.0 TiB are needed|TiB free and") as caught:
        drilled.perform(actions.Reserve("here", LAB, 1 << 50, LATER))
    assert "sandboxes: {lab: {here: …}}" in caught.value.hint
