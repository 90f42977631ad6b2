"""What a platform keeps for us itself, through every verb: recorded, asked for, recalled, read there, and removed with its last claim."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.cli.render.listings import manifest_lines, points_lines
from drtool.model.errors import NotFound, Refused
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.native import NativePlace
from drtool.model.plan import Destination, Forget, Release, Step
from drtool.model.point import Artifact, Manifest
from drtool.model.report import Report
from drtool.planning.restore import RestoreRequest
from drtool.ports import ArtifactRequest
from drtool.testing.memory_repository import MemoryRepository
from drtool.testing.memory_store import MemoryStore
from tests.toy.cluster import Toy
from tests.toy.toy_world import Toys, disks

ORIGINAL = RestoreRequest(("all",), Destination("original"))


def newest(app: App) -> Manifest:
    manifest = app.show(app.points(refresh=True)[0].point.point)
    assert isinstance(manifest, Manifest)
    return manifest


def native(manifest: Manifest) -> Artifact:
    (artifact,) = [each for each in manifest.artifacts if each.native]
    return artifact


def claimed(toys: Toys) -> set[str]:
    app = toys.again()
    manifests = [app.show(view.point.point) for view in app.points(refresh=True)]
    return {place.locator for each in manifests if isinstance(each, Manifest) for one in each.artifacts for place in one.places}


def made(toys: Toys, runs: int = 1) -> App:
    toys.app.initialise()
    for _run in range(runs):
        report = toys.again().run()
        assert report.outcome == "succeeded", report.failures
    return toys.again()


def changed(toys: Toys, **changes: object) -> App:
    """Write other things into the policy and open it again."""
    path = Path(toys.policy)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return toys.again()


def failures(report: Report) -> str:
    return " ".join(f"{each.kind}: {each.what}" for each in report.failures)


LISTED = MemoryRepository.list


def closed(self: MemoryRepository, *, maximum_age_seconds: float = 0.0) -> Listing:
    """List every repository but one."""
    if self.name == "far":
        raise Refused("far is closed")
    return LISTED(self, maximum_age_seconds=maximum_age_seconds)


@contextlib.contextmanager
def away(toys: Toys) -> Iterator[None]:
    toys.cluster.vault.away = True
    yield
    toys.cluster.vault.away = False


def test_a_manifest_tells_where_it_is_kept_and_no_byte_of_it_is_stored(toys: Toys) -> None:
    app = made(toys)
    artifact = native(newest(app))
    (place,) = artifact.places
    assert (artifact.form, artifact.tree, artifact.path) == ("native", "", "/3/data")
    assert (place.store, place.site, place.made) == ("cluster", "toys", True)
    assert toys.cluster.vault.bodies == {place.locator: b"3 data"}
    stored = [node.body for storage in toys.storages.values() for tree in storage.trees.values() for node in tree.values()]
    assert b"2 data" in stored
    assert b"3 data" not in stored
    point = app.points()[0]
    assert set(point.repositories) == {"near", "far"}
    assert (point.point.natives, point.point.native.present, point.point.native.sites) == (1, 1, (("toys",),))


def test_the_screens_say_where(toys: Toys) -> None:
    app = made(toys)
    shown = "\n".join(manifest_lines(newest(app)))
    assert f"{native(newest(app)).places[0].locator} in cluster, toys" in shown
    assert "1 of 1 artifact kept by the platform at toys" in "\n".join(points_lines(app.points()))
    entries = {entry.path: entry.type for entry in app.list_files("latest")}
    assert entries["/3/data"] == "native"
    with pytest.raises(NotFound, match="nobody looks into that"):
        list(app.list_files("latest", "/3/data/etc"))


def test_retention_takes_along_what_no_manifest_names_any_more(toys: Toys) -> None:
    app = made(toys, runs=4)
    assert len(app.points()) == 2
    assert set(toys.cluster.vault.bodies) == set(toys.cluster.vault.labels) == claimed(toys)
    assert len(claimed(toys)) == 2


def test_the_last_claim_takes_it_along_and_no_earlier_one(toys: Toys) -> None:
    everything = json.loads(Path(toys.policy).read_text())["sets"]["all"]
    app = changed(toys, sets={"all": {**everything, "copies": [{"far": {"keep": {"last": 3}}}]}})
    app.initialise()
    for kept in (1, 2, 3, 3):
        assert toys.again().run().outcome == "succeeded"
        assert len(toys.cluster.vault.bodies) == kept
    assert set(toys.cluster.vault.bodies) == claimed(toys)


def test_one_forgetting_follows_the_other(toys: Toys) -> None:
    plan = made(toys, runs=2).plan_run()
    forgets = [step for step in plan.steps if isinstance(step.action, Forget)]
    assert len(forgets) == 2
    assert forgets[0].id in forgets[1].after
    assert forgets[1].id not in forgets[0].after


def test_while_a_copy_cannot_be_read_nothing_is_removed_and_no_claim_given_up(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    made(toys, runs=2)
    everything = json.loads(Path(toys.policy).read_text())["sets"]["all"]
    app = changed(toys, sets={"all": {**everything, "keep": {"last": 1}}})
    plan, oldest = app.plan_run(), app.points(refresh=True)[-1].point.point
    monkeypatch.setattr(MemoryRepository, "list", closed)
    step = next(step for step in plan.steps if isinstance(step.action, Forget) and step.action.repository == "near")
    report = app.run(replace(plan, steps=(replace(step, action=Forget("near", (oldest,)), needs=(), after=()),)))
    assert [step.result["points"] for step in report.steps] == [[]]
    assert "is not known" in str(report.steps[0].result["kept"])
    monkeypatch.setattr(MemoryRepository, "list", LISTED)
    assert set(toys.cluster.vault.bodies) == claimed(toys)
    assert len(toys.again().points(refresh=True)) == 2


def test_a_hold_in_any_repository_keeps_what_would_be_gone_at_once(toys: Toys) -> None:
    made(toys, runs=2)
    plan = toys.again().plan_run()
    kept = set(toys.cluster.vault.bodies)
    oldest = toys.again().points(refresh=True)[-1].point
    far = toys.again()._runtime.adapters.repositories["far"]
    far.append(Hold("01J00000000000000000000HLD", oldest.set, "toys", "somebody restores it", oldest.instant, point=oldest.point))
    report = toys.again().run(plan)
    assert report.outcome == "succeeded", report.failures
    assert any("stays in near: somebody restores it" in words for words in report.sets[0].warnings)
    assert kept < set(toys.cluster.vault.bodies)
    assert len(toys.again().points(refresh=True)) == 3


def test_a_store_that_does_not_answer_is_unknown_and_loses_nothing(toys: Toys) -> None:
    sealed = {view.point.point for view in made(toys, runs=2).points()}
    before = claimed(toys)
    with away(toys):
        looked = toys.again()
        (first, *_rest) = looked.points(refresh=True)
        assert (first.repositories, first.counts, first.unasked) == ((), False, True)
        assert "not known" in "\n".join(points_lines((first,)))
        (status,) = looked.status(refresh=True).sets
        assert any("could not be asked" in words for words in status.attention)
        assert not any("gone" in words for words in status.attention)
        assert status.next == "drtool doctor"
        with pytest.raises(NotFound, match="was not there to be asked"):
            toys.again().plan_restore(ORIGINAL)
        verdicts = toys.again().plan_run().verdicts
        assert all("could not be asked for" in " ".join(verdict.reasons) for verdict in verdicts if verdict.point in sealed)
        pruned = toys.again().prune()
        assert pruned.outcome == "succeeded", pruned.failures
        assert toys.again().sweep().outcome == "succeeded"
        read = toys.again().verify()
        assert read.outcome == "failed"
        assert "could not be read" in failures(read)
    assert set(toys.cluster.vault.bodies) == before
    assert [view.counts for view in toys.again().points(refresh=True)] == [True, True]


def test_a_store_that_does_not_answer_stops_no_other_set(toys: Toys) -> None:
    common = {"to": "near", "copies": ["far"], "keep": {"last": 1}}
    sets = {
        "vaulted": {"protect": [{"cluster": {"machines": ["3"]}}], **common},
        "plain": {"protect": [{"cluster": {"machines": ["1", "2"]}}], **common},
    }
    repositories = json.loads(Path(toys.policy).read_text())["repositories"]
    short = {name: {**body, "timeout": "1s"} for name, body in repositories.items()}
    app = changed(toys, sets=sets, repositories=short, drills={})
    app.initialise()
    assert toys.again().run().outcome == "succeeded"
    kept = set(toys.cluster.vault.bodies)
    with away(toys):
        report = toys.again().run()
    assert {entry.set: entry.outcome for entry in report.sets} == {"vaulted": "failed", "plain": "succeeded"}
    assert kept <= set(toys.cluster.vault.bodies)
    assert toys.again().sweep().outcome == "succeeded"
    assert set(toys.cluster.vault.bodies) == kept == claimed(toys)
    assert toys.again().run().outcome == "succeeded"
    assert len(toys.cluster.vault.bodies) == 1


def test_what_is_gone_makes_a_point_unwhole_for_every_verb(toys: Toys) -> None:
    app = made(toys, runs=2)
    older = app.points()[1].point
    toys.cluster.vault.bodies.pop(native(newest(app)).places[0].locator)
    app = toys.again()
    views = app.points(refresh=True)
    assert [(view.counts, len(view.not_whole)) for view in views] == [(False, 2), (True, 0)]
    plan = toys.again().plan_restore(ORIGINAL)
    assert {objective.point for objective in plan.objectives} == {older.point}
    assert toys.again().status(refresh=True).sets[0].point == older.point
    read = toys.again().verify()
    assert (read.outcome, "is gone" in failures(read)) == ("failed", True)
    assert toys.again().prune().outcome == "succeeded"
    copied = toys.again().copy()
    assert copied.outcome == "partial"
    assert "is gone, and no repository has it" in str(copied.skipped)
    assert toys.again().run().outcome == "succeeded"
    assert toys.again().points(refresh=True)[0].counts


def test_something_else_in_its_place_is_wrong_and_never_in_service(toys: Toys) -> None:
    app = made(toys)
    before = disks(toys.cluster)
    (locator,) = toys.cluster.vault.bodies
    plan = app.plan_restore(ORIGINAL)
    toys.cluster.vault.bodies[locator] = b"ransom"
    report = toys.again().restore(plan)
    assert (report.outcome, "Corrupt" in failures(report)) == ("data_wrong", True)
    assert disks(toys.cluster) == before
    assert toys.again().verify().outcome == "data_wrong"
    assert not toys.again().points(refresh=True)[0].counts
    toys.cluster.vault.bodies[locator] = b"3 data"
    again = toys.again().verify(point="latest")
    assert again.outcome == "succeeded", again.failures
    assert set(toys.again().points(refresh=True)[0].verified) == {"near", "far"}


def test_a_reading_of_the_repository_verifies_no_byte_that_a_platform_keeps(toys: Toys) -> None:
    app = made(toys)
    report = app.verify()
    assert report.outcome == "succeeded"
    assert "1 artifact that platforms keep read there: 6 bytes" in str([step.result for step in report.steps])
    assert toys.again().points(refresh=True)[0].verified == ()


@pytest.mark.parametrize("what", ["gone", "wrong"])
def test_no_point_is_sealed_over_what_is_not_there(toys: Toys, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    toys.app.initialise()
    keep = MemoryStore.keep

    def loses(self: MemoryStore, locator: str, body: bytes, *, run: str) -> NativePlace:
        place = keep(self, locator, body, run=run)
        if what == "gone":
            self.shelf.bodies.pop(locator)
        else:
            self.shelf.bodies[locator] = b"ransom"
        return place

    monkeypatch.setattr(MemoryStore, "keep", loses)
    report = toys.again().run()
    assert report.outcome == ("failed" if what == "gone" else "data_wrong")
    assert [each for step in report.steps for each in [step.id] if step.failure and step.id.endswith("/seal")]
    monkeypatch.setattr(MemoryStore, "keep", keep)
    toys.again().sweep()
    assert not toys.cluster.vault.bodies
    assert not toys.cluster.vault.labels


def test_what_a_users_own_job_made_is_claimed_and_never_removed(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.app.initialise()
    keep = MemoryStore.keep

    def offers_theirs(self: MemoryStore, locator: str, body: bytes, *, run: str) -> NativePlace:
        place = keep(self, locator, body, run=run)
        self.forget(place)
        nightly = f"nightly-{len(self.shelf.bodies)}"
        self.shelf.bodies[nightly] = body
        return replace(place, locator=nightly, made=False)

    monkeypatch.setattr(MemoryStore, "keep", offers_theirs)
    for _run in range(4):
        assert toys.again().run().outcome == "succeeded"
    assert claimed(toys) == {"nightly-2", "nightly-3"}, "the claim is given up"
    assert len(toys.cluster.vault.bodies) == 4, "and nothing else"
    toys.cluster.machines["3"].disks["data"] = b"damaged"
    assert toys.again().restore(toys.again().plan_restore(ORIGINAL)).outcome == "succeeded"
    assert toys.cluster.machines["3"].disks["data"] == b"3 data"
    toys.cluster.vault.bodies.clear()
    assert [view.counts for view in toys.again().points(refresh=True)] == [False, False]


def test_a_manifest_that_calls_it_made_removes_nothing_that_bears_no_label(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.app.initialise()
    toys.cluster.vault.bodies["nightly"] = b"3 data"
    keep = MemoryStore.keep

    def lies(self: MemoryStore, locator: str, body: bytes, *, run: str) -> NativePlace:
        place = keep(self, locator, body, run=run)
        self.forget(place)
        return replace(place, locator=f"nightly{'' if len(self.shelf.bodies) else 'x'}")

    monkeypatch.setattr(MemoryStore, "keep", lies)
    for _run in range(3):
        toys.again().run()
    assert toys.cluster.vault.bodies == {"nightly": b"3 data"}


def test_a_copy_of_what_stays_at_home_is_no_off_site_copy(toys: Toys) -> None:
    app = made(toys)
    (status,) = app.status(refresh=True).sets
    assert status.off_site == ()
    assert any("is no off-site copy" in words and "near and far" in words for words in status.attention)
    sets = json.loads(Path(toys.policy).read_text())["sets"]
    fewer = {"protect": [{"cluster": {"machines": ["1", "2"]}}], "quarantine": {"shrinks_below": "off"}}
    app = changed(toys, sets={"all": {**sets["all"], **fewer}})
    assert app.run().outcome == "succeeded"
    (status,) = toys.again().status(refresh=True).sets
    assert status.off_site == ("near", "far")
    assert not any("off-site" in words for words in status.attention)


def test_what_is_gone_is_tried_before_anything_is_poured(toys: Toys) -> None:
    app = made(toys)
    plan = app.plan_restore(ORIGINAL)
    toys.cluster.vault.bodies.clear()
    before = disks(toys.cluster)
    report = toys.again().restore(plan)
    assert report.outcome in ("failed", "partial")
    assert "NotFound" in failures(report)
    assert {number: disks for number, disks in disks(toys.cluster).items() if number == "3"} == {"3": before["3"]}


def test_a_part_of_what_a_platform_keeps_is_not_restored(toys: Toys) -> None:
    app = made(toys)
    with pytest.raises(Refused, match="gives it as a whole only"):
        app.plan_restore(replace(ORIGINAL, paths=("/3/data",)))


def test_a_drill_recalls_into_its_sandbox_and_removes_nothing_kept(toys: Toys) -> None:
    app = made(toys)
    kept = dict(toys.cluster.vault.bodies)
    before = disks(toys.cluster)
    report = app.drill(["proof"])
    assert report.outcome == "succeeded", report.failures
    assert (toys.cluster.vault.bodies, disks(toys.cluster)) == (kept, before)


def test_an_export_that_offers_the_words_of_another_store_is_refused(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.app.initialise()
    offered = ArtifactRequest.__init__

    def elsewhere(self: ArtifactRequest, *arguments: object, **named: object) -> None:
        places = named.get("places", ())
        assert isinstance(places, tuple)
        offered(self, *arguments, **{**named, "places": tuple(replace(each, store="nowhere") for each in places)})  # type: ignore[arg-type]

    monkeypatch.setattr(ArtifactRequest, "__init__", elsewhere)
    report = toys.again().run()
    assert "no source of this policy has the store nowhere" in failures(report)
    assert report.outcome == "partial"


def test_what_a_manifest_names_is_no_leftover_and_what_none_names_goes(toys: Toys) -> None:
    made(toys)
    kept = dict(toys.cluster.vault.bodies)
    orphan = Toy(name="cluster", by="toys", cluster=toys.cluster, clock=toys.app._runtime.clock).vault
    run = toys.app.history()[0].run
    orphan.keep("3@orphan", b"orphan", run=run)
    toys.cluster.vault.bodies["theirs"] = b"theirs"
    report = toys.again().sweep()
    assert report.outcome == "succeeded", report.failures
    assert toys.cluster.vault.bodies == {**kept, "theirs": b"theirs"}
    assert set(toys.cluster.vault.labels) == set(kept)


def test_a_step_that_would_remove_what_a_manifest_names_by_now_looks_again(toys: Toys) -> None:
    app = made(toys)
    kept = dict(toys.cluster.vault.bodies)
    (leftover,) = toys.cluster.vault.labels.values()
    step = Step("sweep/cluster/native", Release(leftover=leftover), "it was nobody's when this was planned", uses=("source:cluster",))
    report = app.sweep(replace(app.plan_sweep(), steps=(step,)))
    assert report.steps[0].result["note"] == "it stays: a manifest names it"
    assert toys.cluster.vault.bodies == kept


def test_while_a_repository_cannot_be_read_a_sweep_leaves_what_is_kept(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    made(toys)
    vault = Toy(name="cluster", by="toys", cluster=toys.cluster, clock=toys.app._runtime.clock).vault
    vault.keep("3@orphan", b"orphan", run=toys.app.history()[0].run)
    before = dict(toys.cluster.vault.bodies)
    monkeypatch.setattr(MemoryRepository, "list", closed)
    report = toys.again().sweep()
    assert "is not known" in str(report.skipped)
    assert toys.cluster.vault.bodies == before
    monkeypatch.setattr(MemoryRepository, "list", LISTED)
    assert toys.again().sweep().outcome == "succeeded"
    assert "3@orphan" not in toys.cluster.vault.bodies
