"""A point is read by its own policy: names that today's policy no longer has do not make it unreadable."""

# ruff: noqa: ANN401
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from drtool.app.composition import FACTS
from drtool.model.errors import Refused, UnknownName
from drtool.model.plan import Ask, Cutover, Destination, Plan, Restore, RunHook
from drtool.model.point import Manifest
from drtool.model.policy import CheckPolicy, Policy, Protect, Sandbox, SourcePolicy
from drtool.planning.own_policy import Joined, join
from drtool.planning.restore import RestoreRequest, plan_restore
from tests.planning.planning_values import HOOKS, NOW, backup_set, manifest, member, policy

THEN = policy(backup_set(protect=(Protect("here", {"paths": ["/home"]}),)))
POINT = manifest("documents", member("here:/home", "/home"))


def today(*protect: Protect, sources: Mapping[str, SourcePolicy] | None = None, name: str = "documents", **changes: Any) -> Policy:
    body = backup_set(name, protect=protect, **changes)
    return policy(body, sources=sources or {"local": SourcePolicy("local", "files", "home")}, sandboxes={}, drills={})


def joined(now: Policy, point: Manifest = POINT, *, form: str = "original", renamed: Mapping[str, str] | None = None) -> Joined:
    return join(now, {point.set: point}, own={point.set: THEN}, copies={point.set: ("near",)}, form=form, renamed=renamed, facts=FACTS)


def planned(now: Policy, point: Manifest = POINT, *, form: str = "original", workloads: tuple[str, ...] = (), **changes: Any) -> Plan:
    found = joined(now, point, form=form, **changes)
    request = RestoreRequest((point.set,), Destination(form, path="/out" if form == "directory" else ""), workloads=workloads)
    return plan_restore(
        found.policy,
        request,
        manifests=found.manifests,
        copies={point.set: ("near",)},
        now=NOW,
        declared=NOW,
        run="R1",
        unprotected=found.unprotected,
        notes=found.notes,
    )


def restored(plan: Plan) -> dict[str, str]:
    return {step.action.member.workload: step.action.member.source for step in plan.steps if isinstance(step.action, Restore)}


def test_a_renamed_source_that_protects_the_same_place_is_found() -> None:
    plan = planned(today(Protect("local", {"paths": ["/home"]})))
    assert restored(plan) == {"here:/home": "local"}
    assert [step.action.source for step in plan.steps if isinstance(step.action, Cutover)] == ["local"]
    assert "what lay on the source here goes back by local" in plan.notes


def test_its_checks_are_asked_by_the_name_of_then() -> None:
    plan = planned(
        today(
            Protect("local", {"paths": ["/home"]}),
            checks=(CheckPolicy("files", "files 1", "local:/home"), CheckPolicy("archive", "archive 1", "local")),
        )
    )
    asked = {step.action.check.kind: tuple(step.action.cutovers) for step in plan.steps if isinstance(step.action, Ask)}
    assert asked["files"] == ("here:/home",)
    assert not plan.skipped


@pytest.mark.parametrize(
    "sources",
    [
        {"local": SourcePolicy("local", "files", "home", {"ssh": "pi"})},
        {"local": SourcePolicy("local", "stream", "home", {"command": ["x"]})},
        {name: SourcePolicy(name, "files", "home") for name in ("local", "other")},
    ],
)
def test_what_is_not_clear_is_asked(sources: dict[str, SourcePolicy]) -> None:
    now = today(*(Protect(name, {"paths": ["/home"]}) for name in sources), sources=sources)
    with pytest.raises(Refused, match="lay on the source here, which is not in the policy any more") as refused:
        planned(now)
    assert "--to directory" in refused.value.hint
    assert ("--as" in refused.value.hint) == any(source.kind == "files" for source in sources.values())


def test_a_person_says_which_source_it_is_now() -> None:
    now = today(Protect("pi", {"paths": ["/home"]}), sources={"pi": SourcePolicy("pi", "files", "home", {"ssh": "pi"})})
    assert restored(planned(now, renamed={"": "pi"})) == {"here:/home": "pi"}
    assert restored(planned(now, renamed={"here": "pi"})) == {"here:/home": "pi"}
    with pytest.raises(UnknownName, match="no source `pie`") as unknown:
        planned(now, renamed={"": "pie"})
    assert "pi" in unknown.value.hint


def test_a_source_of_another_kind_is_no_stand_in() -> None:
    now = today(Protect("billing"), sources={"billing": SourcePolicy("billing", "stream", "home", {"command": ["x"]})})
    with pytest.raises(Refused, match="of the kind files, and the source billing of the kind stream"):
        planned(now, renamed={"": "billing"})


def test_a_directory_takes_what_lay_on_a_source_that_is_gone_and_connects_nowhere() -> None:
    now = today(Protect("pi", {"paths": ["/srv"]}), sources={"pi": SourcePolicy("pi", "files", "home", {"ssh": "pi"})})
    found = joined(now, form="directory")
    assert (found.policy.sources["here"].kind, dict(found.policy.sources["here"].settings)) == ("files", {})
    assert restored(planned(now, form="directory")) == {"here:/home": "here"}


def test_a_name_that_means_another_kind_today_is_not_taken_for_the_old_one() -> None:
    now = today(Protect("here"), sources={"here": SourcePolicy("here", "stream", "home", {"command": ["x"]})})
    with pytest.raises(Refused, match="is of the kind stream now"):
        planned(now)
    assert joined(now, form="directory").policy.sources["here"].kind == "files"


def test_a_sandbox_without_a_place_says_so() -> None:
    now = replace(
        today(Protect("pi", {"paths": ["/srv"]}), sources={"pi": SourcePolicy("pi", "files", "home", {"ssh": "pi"})}),
        sandboxes={"lab": Sandbox("lab", NOW - NOW, {"pi": {"directory": "/lab"}})},
    )
    found = joined(now, form="sandbox")
    request = RestoreRequest(("documents",), Destination("sandbox", sandbox="lab"))
    with pytest.raises(Refused, match="no place for here"):
        plan_restore(found.policy, request, manifests=found.manifests, copies={"documents": ("near",)}, now=NOW, declared=NOW, run="R1")


def test_a_set_that_is_gone_is_restored_without_what_it_would_run() -> None:
    own = policy(backup_set(protect=(Protect("here", {"paths": ["/home"]}),), hooks=HOOKS, checks=(CheckPolicy("command", "command 1"),)))
    now = today(Protect("here", {"paths": ["/home"]}), sources=dict(THEN.sources), name="papers")
    found = join(now, {"documents": POINT}, own={"documents": own}, copies={"documents": ("near", "offsite")}, form="original", facts=FACTS)
    gone = found.policy.sets["documents"]
    assert (gone.hooks.before_restore, gone.checks, now.repositories_of(gone)) == ((), (), ("near", "offsite"))
    assert found.unprotected == frozenset()  # another set protects the same place
    plan = planned(now)
    assert restored(plan) == {"here:/home": "here"}
    assert not [step for step in plan.steps if isinstance(step.action, RunHook)]
    assert any("no set of the policy is named documents" in note for note in plan.notes)


def test_a_point_without_a_policy_of_its_own_is_read_all_the_same() -> None:
    now = today(Protect("here", {"paths": ["/home"]}), sources=dict(THEN.sources), name="papers")
    found = join(now, {"documents": POINT}, own={}, copies={"documents": ("near",)}, form="directory", facts=FACTS)
    assert found.policy.sets["documents"].to == "near"


EXTRA = manifest("documents", member("here:/home", "/home"), member("here:/etc/cron.d", "/etc/cron.d"))


def test_what_the_policy_does_not_protect_goes_in_place_only_by_name() -> None:
    now = today(Protect("here", {"paths": ["/home"]}), sources=dict(THEN.sources))
    plan = planned(now, EXTRA)
    assert list(restored(plan)) == ["here:/home"]
    (left,) = plan.skipped
    assert (left.what, left.outcome) == ("here:/etc/cron.d", "partial")
    assert "--workload here:/etc/cron.d" in left.reason
    assert list(restored(planned(now, EXTRA, workloads=("here:/etc/cron.d",)))) == ["here:/etc/cron.d"]
    assert list(restored(planned(now, EXTRA, form="directory"))) == ["here:/home", "here:/etc/cron.d"]


def test_a_point_of_which_nothing_is_protected_is_refused_with_the_words_to_type() -> None:
    now = today(Protect("here", {"paths": ["/srv"]}), sources=dict(THEN.sources))
    with pytest.raises(Refused, match="no set of the policy protects here:/home") as refused:
        planned(now)
    assert "--workload here:/home" in refused.value.hint


@pytest.mark.parametrize(
    ("kind", "selector", "name", "expected"),
    [
        ("files", {"paths": ["/home"]}, "/home", True),
        ("files", {"paths": ["/home"]}, "/home/anna", True),
        ("files", {"paths": ["/home/anna"]}, "/home", False),
        ("files", {"paths": ["/home"]}, "/homework", False),
        ("files", {"paths": ["/"]}, "/etc", True),
        ("stream", {}, "", True),
        ("truenas", {"dataset": "tank/photos"}, "tank/photos", True),
        ("truenas", {"dataset": "tank/photos"}, "tank/photos/raw", False),
        ("truenas", {"dataset": "tank/photos", "recursive": True}, "tank/photos/raw", True),
        ("truenas", {"dataset": "tank/*"}, "tank/photos", True),
        ("truenas", {"dataset": "tank/*", "exclude": ["tank/photos"]}, "tank/photos", False),
        ("truenas", {"dataset": "tank", "recursive": True, "exclude": ["tank/a"]}, "tank/a/b", False),
        ("truenas", {"system": True}, "system", True),
        ("truenas", {"system": True}, "tank", False),
        ("truenas", {"dataset": "tank"}, "system", False),
    ],
)
def test_which_workloads_a_selector_means_on_paper(kind: str, selector: dict[str, Any], name: str, expected: bool) -> None:  # noqa: FBT001
    assert FACTS[kind].protects(selector, name) is expected
