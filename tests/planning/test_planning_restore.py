# ruff: noqa: ANN401
from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from drtool.catalog.fold import fold
from drtool.model.codec import decode, encode
from drtool.model.errors import Conflict, NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.negative_control import Fault
from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Break, Cutover, Destination, Plan, Record, Release, Reserve, Restore, RunHook
from drtool.model.point import Artifact, Census, DataSnapshot, Manifest, Member, MissingMember
from drtool.model.policy import CheckPolicy, DrillPolicy, Hooks
from drtool.planning.drill import plan_drill
from drtool.planning.others import about_choice
from drtool.planning.restore import LEASE, ChosenPoint, RestoreRequest, choose_point, plan_restore
from drtool.planning.selection import select_members
from tests.planning.planning_values import (
    CHECKS,
    DAY,
    HOOKS,
    NOW,
    backup_set,
    daily,
    every_wait_is_known,
    listing,
    manifest,
    member,
    point,
    policy,
)

ORIGINAL = Destination("original")
SANDBOX = Destination("sandbox", sandbox="lab")


def _choose(*points: Any, **wishes: Any) -> ChosenPoint:
    return choose_point({"near": listing("near", points)}, set="documents", by="homelab", now=NOW, **wishes)


def test_the_newest_complete_one_of_the_past() -> None:
    days = daily(3)
    ahead, partial = point("AHEAD", NOW + DAY), point("PART", NOW, complete=False)
    listings = {
        "broken": listing("broken", days, problem=Problem("Unavailable", "no answer")),
        "offsite": listing("offsite", (*days, ahead)),
        "near": listing("near", (partial, *days)),
    }
    chosen = choose_point(listings, set="documents", by="homelab", now=NOW)
    assert (chosen.point, chosen.copies) == ("P003", ("offsite", "near", "broken"))
    assert choose_point(listings, set="documents", now=NOW, at=NOW - 2 * DAY).point == "P001"
    assert choose_point(listings, set="documents", now=NOW, point="part").copies == ("near",)
    assert choose_point(listings, set="documents", now=NOW, point="AHEAD").point == "AHEAD"


def test_points_by_part_of_their_name() -> None:
    points = (point("01JDAAAA7QK"), point("01JDBBBB1ZC"), point("lower"))
    for text in ("01JDA", "7qk", "01JD…7QK", "01jd...7qk", "01JDAAAA7QK"):
        assert _choose(*points, point=text).point == "01JDAAAA7QK"
    assert _choose(*points, point="lower").point == "lower"
    with pytest.raises(NotFound, match="fits 2 points") as caught:
        _choose(*points, point="01JD")
    assert "01JDBBBB1ZC" in caught.value.hint
    with pytest.raises(NotFound, match="has no point"):
        _choose(*points, point="QQQ")


def test_a_partial_point_that_holds_the_workload() -> None:
    data = (DataSnapshot("s", "t", "billing", "PART"),)
    points = (point("PART", NOW, complete=False, data=data), point("OLD", NOW - DAY))
    assert _choose(*points, workloads=("billing",)).point == "PART"
    assert _choose(*points, workloads=("here:/home",)).point == "OLD"
    assert _choose(*points).point == "OLD"


def test_a_partial_choice_knows_the_complete_one() -> None:
    data = (DataSnapshot("s", "t", "billing", "PART"),)
    points = (point("PART", NOW, complete=False, data=data), point("OLD", NOW - DAY), point("OLDER", NOW - 2 * DAY))
    chosen = _choose(*points, workloads=("billing",))
    assert chosen.complete is not None
    assert chosen.complete.point == "OLD"
    notes, asks = about_choice(chosen, in_place=False)
    assert "PART is partial; the newest complete point of documents is OLD" in notes[0]
    assert asks == ()
    assert _choose(*points).complete is None
    assert _choose(points[0], point="PART").complete is None


def test_nothing_found_says_what_there_is() -> None:
    with pytest.raises(NotFound) as empty:
        _choose()
    assert "drtool run documents" in empty.value.hint
    with pytest.raises(NotFound) as other:
        _choose(point("A", set="photos"))
    assert "photos" in other.value.hint
    with pytest.raises(NotFound) as foreign:
        _choose(point("A", by="another"))
    assert "another" in foreign.value.hint
    with pytest.raises(NotFound) as unread:
        choose_point({"near": listing("near", problem=Problem("Unavailable", "x"))}, set="documents", now=NOW)
    assert "drtool doctor" in unread.value.hint
    with pytest.raises(NotFound, match="at or before") as early:
        _choose(*daily(3), at=NOW - 90 * DAY)
    assert "P001" in early.value.hint
    with pytest.raises(NotFound, match="only partial"):
        _choose(point("A", complete=False))
    with pytest.raises(NotFound, match="dated in the future"):
        _choose(point("A", NOW + DAY))


def test_two_truths_about_one_point() -> None:
    listings = {"near": listing("near", (point("A"),)), "offsite": listing("offsite", (point("A", digest="e" * 64),))}
    with pytest.raises(Conflict, match="near and offsite"):
        choose_point(listings, set="documents", now=NOW)


def _restore(request: RestoreRequest, manifests: dict[str, Manifest] | None = None, **changes: Any) -> Plan:
    body: dict[str, Any] = {
        "manifests": manifests or {"documents": manifest()},
        "copies": dict.fromkeys(manifests or ("documents",), ("near", "offsite")),
        "now": NOW,
        "declared": NOW,
        "run": "R1",
    }
    of = changes.pop("of", policy(backup_set(hooks=HOOKS, checks=CHECKS)))
    plan = plan_restore(of, request, **{**body, **changes})
    every_wait_is_known(plan)
    again = decode(Plan, json.loads(json.dumps(encode(plan))))
    assert again.digest == plan.digest
    return plan


def test_a_whole_restore() -> None:
    plan = _restore(RestoreRequest(("documents",), ORIGINAL))
    assert [step.id for step in plan.steps] == [
        "documents/pin/near",
        "documents/pin/offsite",
        "documents/before_restore/1",
        "documents/restore/here:/home",
        "documents/restore/here:/etc",
        "documents/restore/billing",
        "documents/cutover/here:/home",
        "documents/cutover/here:/etc",
        "documents/cutover/billing",
        "documents/after_restore/1",
        "documents/ask/census/here:/home",
        "documents/ask/census/here:/etc",
        "documents/ask/census/billing",
        "documents/ask/enough",
        "documents/ask/answers",
        "documents/ask/enough:2",
        "documents/unpin/near",
        "documents/unpin/offsite",
    ]
    steps = {step.id: step for step in plan.steps}
    restore = steps["documents/restore/billing"]
    assert restore.needs == ("documents/pin/near", "documents/before_restore/1")
    assert isinstance(restore.action, Restore)
    assert restore.action.copies == ("near", "offsite")
    assert restore.action.expires == NOW + LEASE
    after = steps["documents/after_restore/1"]
    assert not after.always
    assert "documents/cutover/billing" in after.after
    ask = steps["documents/ask/enough"]
    assert isinstance(ask.action, Ask)
    assert sorted(ask.action.cutovers) == ["here:/etc", "here:/home"]
    assert ask.after == ("documents/after_restore/1",)
    assert plan.objectives[0].rto_seconds == 3600
    assert plan.objectives[0].point_instant is not None


def test_a_directory_needs_no_hooks() -> None:
    plan = _restore(RestoreRequest(("documents",), Destination("directory", path="there")))
    assert not any(isinstance(step.action, RunHook) for step in plan.steps)
    assert "hooks are not run" in plan.notes[0]


def test_a_set_waits_for_what_it_needs() -> None:
    names = ("web", "middle", "base", "lone")
    sets = (
        backup_set("web", needs=("middle",), hooks=HOOKS),
        backup_set("middle", needs=("base",)),
        backup_set("base"),
        backup_set("lone"),
    )
    members = {name: (member(f"here:/{name}", f"/{name}"), member("billing", "/billing")) for name in names}
    manifests = {name: manifest(name, *(() if name == "base" else members[name])) for name in names}
    plan = _restore(RestoreRequest(("web", "lone", "base"), ORIGINAL), manifests, of=policy(*sets))
    assert [one.set for one in plan.objectives] == ["base", "web", "lone"]
    steps = {step.id: step for step in plan.steps}
    assert set(steps["web/before_restore/1"].needs) == {
        "web/pin/near",
        *(f"base/cutover/{name}" for name in ("here:/home", "here:/etc", "billing")),
    }
    assert (steps["lone/restore/billing"].needs, steps["lone/restore/billing"].beside) == ((), ("lone/pin/near",))


def test_parts() -> None:
    one = _restore(RestoreRequest(("documents",), ORIGINAL, workloads=("billing",)))
    assert [step.workload for step in one.steps if isinstance(step.action, Restore)] == ["billing"]
    assert {skip.outcome for skip in one.skipped} == {"succeeded"}
    some = _restore(RestoreRequest(("documents",), ORIGINAL, paths=("/home//a/./b/", "/etc", "/home/a/b")))
    actions = {step.workload: step.action for step in some.steps if isinstance(step.action, Restore)}
    assert {name: action.paths for name, action in actions.items()} == {"here:/home": ("/home/a/b",), "here:/etc": ()}
    assert [skip.what for skip in some.skipped] == ["check enough", "check answers", "check enough"]
    nested = manifest("documents", member("here:/", "/"), member("here:/home", "/home"))
    closest = _restore(RestoreRequest(("documents",), ORIGINAL, paths=("/home/x", "/var/y")), {"documents": nested})
    assert {step.workload: step.action.paths for step in closest.steps if isinstance(step.action, Restore)} == {
        "here:/home": ("/home/x",),
        "here:/": ("/var/y",),
    }


def test_parts_that_are_not_there() -> None:
    with pytest.raises(NotFound, match="no member contains /homes"):
        _restore(RestoreRequest(("documents",), ORIGINAL, paths=("/homes",)))
    for path in ("", "/home/../etc"):
        with pytest.raises(Refused, match="is not a path inside a point"):
            _restore(RestoreRequest(("documents",), ORIGINAL, paths=(path,)))
    with pytest.raises(Refused, match="several members could hold it") as refused:
        _restore(RestoreRequest(("documents",), ORIGINAL, paths=("letters/read-me",)))
    assert refused.value.hint == (
        "say in which it lies: --workload here:/home or --workload here:/etc or --workload billing, with --path letters/read-me"
    )
    with pytest.raises(NotFound, match="holds no pi"):
        _restore(RestoreRequest(("documents",), ORIGINAL, workloads=("pi",)))
    partial = manifest("documents", member("billing", "/billing"), missing=(MissingMember("here:/home", "no answer"),))
    with pytest.raises(NotFound) as caught:
        _restore(RestoreRequest(("documents",), ORIGINAL, workloads=("here:/home",)), {"documents": partial})
    assert "no answer" in caught.value.hint
    with pytest.raises(NotFound, match="no recovery point of documents"):
        _restore(RestoreRequest(("documents",), ORIGINAL), copies={})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("read-me", {"nas:tank/documents": ("/run/clone-1/read-me",)}),
        ("./read-me/", {"nas:tank/documents": ("/run/clone-1/read-me",)}),
        ("letters/read-me", {"nas:tank/documents/letters": ("/run/clone-2/read-me",)}),
        ("letters", {"nas:tank/documents/letters": ()}),
        ("lettersandmore", {"nas:tank/documents": ("/run/clone-1/lettersandmore",)}),
        (".", {"nas:tank/documents": ()}),
        ("/mnt/tank/documents/read-me", {"nas:tank/documents": ("/run/clone-1/read-me",)}),
        ("/mnt/tank/documents/letters/a/b", {"nas:tank/documents/letters": ("/run/clone-2/a/b",)}),
        ("/mnt/tank/documents", {"nas:tank/documents": ()}),
        ("/run/clone-2/read-me", {"nas:tank/documents/letters": ("/run/clone-2/read-me",)}),
    ],
)
def test_a_path_as_a_platform_shows_it_or_relative_to_the_outermost_workload(path: str, expected: dict[str, tuple[str, ...]]) -> None:
    outer = member("nas:tank/documents", "/run/clone-1", selector={"nests": True})
    inner = member("nas:tank/documents/letters", "/run/clone-2", selector={"nests": True})
    selected = select_members({"documents": manifest("documents", outer, inner)}, workloads=(), paths=(path,))
    assert {item.member.workload: item.paths for item in selected["documents"]} == expected


def test_a_path_that_lies_nowhere_is_told_how_others_are_written() -> None:
    manifests = {"documents": manifest("documents", member("nas:tank/documents", "/run/clone-1", selector={"nests": True}))}
    with pytest.raises(NotFound, match="no member contains /mnt/tank/other") as refused:
        select_members(manifests, workloads=(), paths=("/mnt/tank/other",))
    assert refused.value.hint == (
        "the point holds /run/clone-1; write --workload nas:tank/documents --path folder/file, "
        "or as its platform shows it: /…/tank/documents/folder/file"
    )


def test_a_relative_path_of_a_named_workload() -> None:
    manifests = {"documents": manifest("documents", member("here:/", "/"), member("here:/srv", "/srv"), member("disk", "/disk.raw"))}
    for workload, expected in (("here:/", "/a/b"), ("here:/srv", "/srv/a/b")):
        selected = select_members(manifests, workloads=(workload,), paths=("a/b",))
        assert [(item.member.workload, item.paths) for item in selected["documents"]] == [(workload, (expected,))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("photos/2024/a.jpg", "--workload here:/srv/photos --path 2024/a.jpg"),
        ("docs", "--workload here:/srv/docs"),
        ("a/b c", "say in which it lies: --workload here:/srv/docs or --workload here:/srv/photos, with --path 'a/b c'"),
    ],
)
def test_a_relative_path_that_several_could_hold_is_told_with_the_member_that_does(path: str, expected: str) -> None:
    members = (member("here:/srv/docs", "/srv/docs"), member("here:/srv/photos", "/srv/photos"))
    with pytest.raises(Refused, match="several members could hold it") as refused:
        select_members({"documents": manifest("documents", *members)}, workloads=(), paths=(path,))
    assert refused.value.hint == expected


def test_no_member_without_files_holds_a_relative_path() -> None:
    block = replace(member("nas:tank/disk", "/disk.raw").artifacts[0], form="stream")
    manifests = {"documents": manifest("documents", member("nas:tank/disk", "/disk.raw", artifacts=(block,)))}
    with pytest.raises(Refused, match="no member could hold it"):
        select_members(manifests, workloads=(), paths=("a",))
    with pytest.raises(NotFound, match="no member contains /mnt/tank/disk/a"):
        select_members(manifests, workloads=(), paths=("/mnt/tank/disk/a",))


def test_a_path_in_one_of_two_sets() -> None:
    of = policy(backup_set(), backup_set("photos"))
    manifests = {"documents": manifest(), "photos": manifest("photos", member("here:/photos", "/photos"))}
    plan = _restore(RestoreRequest(("documents", "photos"), ORIGINAL, paths=("/photos/cat",)), manifests, of=of)
    assert [one.set for one in plan.objectives] == ["photos"]
    assert [(one.what, one.outcome) for one in plan.skipped] == [("documents", "succeeded")]


def test_a_partial_and_an_empty_point() -> None:
    stale = member("here:/etc", "/etc", complete=False)
    partial = manifest("documents", stale, missing=(MissingMember("billing", "no answer"),))
    plan = _restore(RestoreRequest(("documents",), ORIGINAL), {"documents": partial}, copies={"documents": ("near",)})
    assert [one.outcome for one in plan.skipped] == ["partial"]
    restore = next(step for step in plan.steps if isinstance(step.action, Restore))
    assert restore.why == "from near; it was stored incompletely"
    unanswerable = replace(partial, members=(member("billing", "/billing"),), missing=())
    asked = _restore(RestoreRequest(("documents",), ORIGINAL), {"documents": unanswerable})
    assert [one.outcome for one in asked.skipped] == ["failed", "failed"]
    empty = _restore(RestoreRequest(("documents",), ORIGINAL), {"documents": replace(partial, members=(), missing=())})
    assert [one.outcome for one in empty.skipped] == ["failed"]
    assert not empty.steps


def test_what_a_person_puts_back_is_told_before_and_how_it_is_taken_out() -> None:
    manifests = {
        "documents": manifest("documents", member("nas:system", "/run/x", selector={"by_hand": "nothing of it can be kept aside"}))
    }
    plan = _restore(RestoreRequest(("documents",), ORIGINAL), manifests)
    assert [step.why for step in plan.steps if isinstance(step.action, Cutover)] == [
        "a person puts it back: nothing of it can be kept aside"
    ]
    assert plan.notes == ("documents: what a person puts back is taken out by: drtool restore documents --to directory /root/recovered",)
    elsewhere = _restore(RestoreRequest(("documents",), Destination("directory", "/root/recovered")), manifests)
    assert [step.why for step in elsewhere.steps if isinstance(step.action, Cutover)] == ["what is in service stays as it is"]
    assert not any("person" in note for note in elsewhere.notes)


def test_sandboxes() -> None:
    plan = _restore(RestoreRequest(("documents",), SANDBOX), lease=timedelta(hours=5))
    reserves = [step.action for step in plan.steps if isinstance(step.action, Reserve)]
    assert reserves == [
        Reserve("here", SANDBOX, 20, NOW + timedelta(hours=5)),
        Reserve("billing", SANDBOX, 10, NOW + timedelta(hours=5)),
    ]
    assert not any(isinstance(step.action, Release) for step in plan.steps)
    with pytest.raises(NotFound, match="no sandbox"):
        _restore(RestoreRequest(("documents",), Destination("sandbox", sandbox="none")))
    placeless = manifest("documents", member("pi:/x", "/x"))
    with pytest.raises(Refused, match="no place for pi") as refused:
        _restore(RestoreRequest(("documents",), SANDBOX), {"documents": placeless})
    assert refused.value.hint == "add it to the policy: sandboxes: {lab: {pi: {directory: /var/lib/drtool/sandbox}}}"


def _instants(plan: Plan) -> set[datetime]:
    return {step.action.instant for step in plan.steps if isinstance(step.action, Ask)}


def test_a_drill_of_nothing_proves_nothing() -> None:
    of, drill = policy(), DrillPolicy("monthly", ("documents",), "offsite", "lab")
    nothing = (Artifact("data", "tree", "t" * 64, "/etc", Census(files=0, bytes=0)),)
    etc, home = member("here:/etc", "/etc", artifacts=nothing), member("here:/home", "/home")

    def plan(*members: Member) -> Plan:
        return plan_drill(
            of, drill, manifests={"documents": manifest("documents", *members)}, repository="offsite", now=NOW, declared=NOW, run="R1"
        )

    (skipped,) = plan(etc).skipped
    assert (skipped.set, skipped.outcome) == ("documents", "failed")
    assert fold(plan(etc), ()).sets[0].outcome.rank >= Outcome.FAILED.rank
    partly = plan(etc, home)
    assert partly.skipped == ()
    assert any("here:/etc was empty" in note for note in partly.notes)


WEB = CheckPolicy("http", "http 1", settings={"url": "http://me@localhost/status"})
SECURE = CheckPolicy("http", "http 2", settings={"url": "https://[::1]/"})
PORT = CheckPolicy("tcp", "tcp 1", settings={"address": "localhost:80"})


def _drill(*checks: CheckPolicy) -> Plan:
    drill = DrillPolicy("monthly", ("documents",), "offsite", "lab", negative_control=True)
    of, point = policy(backup_set(checks=checks)), {"documents": manifest()}
    return plan_drill(of, drill, manifests=point, repository="offsite", now=NOW, declared=NOW, run="R1")


def test_a_drill_asks_addresses_before_anything_is_restored() -> None:
    plan = _drill(WEB, *CHECKS, PORT, SECURE)
    every_wait_is_known(plan)
    assert decode(Plan, json.loads(json.dumps(encode(plan)))).digest == plan.digest
    steps = {step.id: step for step in plan.steps}
    early = {step.id: step for step in plan.steps if isinstance(step.action, Ask) and step.action.early}
    assert list(early) == ["early/localhost:80", "early/[::1]:443"]
    reserves = tuple(step.id for step in plan.steps if isinstance(step.action, Reserve))
    assert {(step.set, step.needs, step.after) for step in early.values()} == {("", (), reserves)}
    assert all(early.keys() <= set(step.after) for step in plan.steps if isinstance(step.action, Restore))
    before = {name: step.action.before for name, step in steps.items() if isinstance(step.action, Ask) and step.action.before}
    assert before == {
        "documents/ask/http 1": "early/localhost:80",
        "documents/ask/tcp 1": "early/localhost:80",
        "documents/ask/http 2": "early/[::1]:443",
    }
    order = list(steps)
    assert max(map(order.index, early)) < min(order.index(step.id) for step in plan.steps if isinstance(step.action, Restore))
    record = next(step.action for step in plan.steps if isinstance(step.action, Record))
    controlled = {ask for action in _broken(plan) for ask in action.asks}
    assert not early.keys() & {*record.asks, *controlled}
    told = [note for note in plan.notes if "localhost:80" in note]
    assert [note.partition(" of ")[0] for note in told] == ["http 1", "tcp 1"]


@pytest.mark.parametrize("destination", [Destination("original"), SANDBOX])
def test_a_restore_asks_no_address_before(destination: Destination) -> None:
    plan = _restore(RestoreRequest(("documents",), destination), of=policy(backup_set(checks=(WEB, PORT))))
    asks = [step.action for step in plan.steps if isinstance(step.action, Ask)]
    assert {ask.check.kind for ask in asks} >= {"http", "tcp"}
    assert not any(ask.early or ask.before for ask in asks)


def test_an_address_is_asked_after_the_commands_named_before_it() -> None:
    first, second = CheckPolicy("command", "command 1"), CheckPolicy("command", "command 2")
    plan = _drill(PORT, first, WEB, second)
    after = {step.id: step.after for step in plan.steps if step.id in ("documents/ask/tcp 1", "documents/ask/http 1")}
    assert after == {"documents/ask/tcp 1": (), "documents/ask/http 1": ("documents/ask/command 1",)}


def test_a_drill_is_the_restore_with_another_destination() -> None:
    of = policy(backup_set(hooks=HOOKS, checks=CHECKS))
    drill = DrillPolicy("monthly", ("documents",), "offsite", "lab")
    plan = plan_drill(of, drill, manifests={"documents": manifest()}, repository="offsite", now=NOW, declared=NOW, run="R1")
    every_wait_is_known(plan)
    assert decode(Plan, json.loads(json.dumps(encode(plan)))).digest == plan.digest
    assert plan.verb == "drill"
    restored = _restore(
        RestoreRequest(("documents",), SANDBOX),
        of=of,
        copies={"documents": ("offsite",)},
        fresh_cache=True,
    )
    assert plan.steps[: len(restored.steps)] == restored.steps
    record, *releases = plan.steps[len(restored.steps) :]
    assert isinstance(record.action, Record)
    assert record.always
    assert not record.needs
    assert len(record.action.asks) == 6
    assert set(record.action.asks) <= set(record.after)
    assert len(record.action.restores) == 3
    assert [step.action for step in releases] == [Release(reserved="reserve/here"), Release(reserved="reserve/billing")]
    assert all(step.always and record.id in step.after for step in releases)
    assert all(step.action.fresh_cache for step in plan.steps if isinstance(step.action, Restore))
    assert not any(isinstance(step.action, RunHook) for step in plan.steps)
    assert _instants(plan) == {NOW - timedelta(hours=3)}


def test_negative_control_comes_after_every_green_check_and_before_the_record() -> None:
    drill = DrillPolicy("monthly", ("documents",), "offsite", "lab", negative_control=True)
    now = manifest()
    changed = replace(now.members[0].artifacts[0].census, files=99)
    first = replace(now.members[0], artifacts=(replace(now.members[0].artifacts[0], census=changed),))
    older = {"documents": replace(now, members=(first, *now.members[1:]))}
    of = policy(backup_set(checks=CHECKS))
    plan = plan_drill(of, drill, manifests={"documents": now}, older=older, repository="offsite", now=NOW, declared=NOW, run="R1")
    every_wait_is_known(plan)
    assert decode(Plan, json.loads(json.dumps(encode(plan)))).digest == plan.digest
    asks = {step.id for step in plan.steps if isinstance(step.action, Ask)}
    breaks = [step for step in plan.steps if isinstance(step.action, Break)]
    assert all(asks <= set(step.needs) for step in breaks)
    assert [step.after for step in breaks] == [(), *((step.id,) for step in breaks[:-1])]
    assert [action.workload for action in _broken(plan) if action.fault is Fault.OLDER_POINT] == [first.workload]
    record = next(step for step in plan.steps if isinstance(step.action, Record))
    assert {step.id for step in breaks} <= set(record.after)
    without = plan_drill(of, drill, manifests={"documents": now}, repository="offsite", now=NOW, declared=NOW, run="R1")
    assert Fault.OLDER_POINT not in {action.fault for action in _broken(without)}


def _broken(plan: Plan) -> list[Break]:
    return [step.action for step in plan.steps if isinstance(step.action, Break)]


@pytest.mark.parametrize("nests", [True, False])
def test_what_nests_is_put_in_place_from_the_inside_out(*, nests: bool) -> None:
    names = ("nas:tank/a", "nas:tank/a/b/c", "nas:tank/ab", "nas:tank/a/d")
    members = [replace(member(name, "/x"), selector={"nests": nests}) for name in names]
    one = backup_set(checks=(), hooks=Hooks())
    document = manifest("documents", *members)
    request = RestoreRequest(("documents",), ORIGINAL)
    copies = {"documents": ("near",)}
    plan = plan_restore(policy(one), request, manifests={"documents": document}, copies=copies, now=NOW, declared=NOW, run="R1")
    every_wait_is_known(plan)
    after = {step.id: tuple(name for name in step.after if "/restore/" not in name) for step in plan.steps}
    inner = ("documents/cutover/nas:tank/a/b/c", "documents/cutover/nas:tank/a/d")
    assert after["documents/cutover/nas:tank/a"] == (inner if nests else ())
    *others, last = (step.id for step in plan.steps if isinstance(step.action, Cutover))  # the last looks whether the others still stand
    assert after["documents/cutover/nas:tank/ab"] == (tuple(others) if last.endswith("nas:tank/ab") else ())
    asked = [step for step in plan.steps if isinstance(step.action, Ask) and step.workload == "nas:tank/a/b/c"]
    assert [step.after for step in asked] == [("documents/cutover/nas:tank/a",) if nests else ()]


@pytest.mark.parametrize(("nests", "destination"), [(True, ORIGINAL), (False, ORIGINAL), (True, Destination("directory", path="there"))])
def test_what_nests_is_put_in_place_once_all_of_it_was_poured(*, nests: bool, destination: Destination) -> None:
    """Of a NAS one guest may use several: it is stopped before the first and started after the last that is there."""
    members = [replace(member(name, "/x"), selector={"nests": nests}) for name in ("nas:tank/a", "nas:tank/b", "nas:tank/b/c")]
    request = RestoreRequest(("documents",), destination)
    plan = plan_restore(
        policy(backup_set(checks=(), hooks=Hooks())),
        request,
        manifests={"documents": manifest("documents", *members)},
        copies={"documents": ("near",)},
        now=NOW,
        declared=NOW,
        run="R1",
    )
    every_wait_is_known(plan)
    poured = {step.id for step in plan.steps if isinstance(step.action, Restore)}
    for step in plan.steps:
        if isinstance(step.action, Cutover):
            own = {step.action.restore}
            assert poured & {*step.needs, *step.after} == (poured if nests and destination == ORIGINAL else own)
            assert poured & set(step.needs) == own, "one that was not poured keeps no other back"
