"""The coverage ledger on paper: each workload of each source gets exactly one word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drtool.app.composition import FACTS
from drtool.model.inventory import Problem, SetInventory
from drtool.model.ledger import (
    EXCLUDED,
    FILE_SYSTEM,
    PROBLEM,
    PROTECTED,
    UNPROTECTED,
    Existing,
    InventoryLine,
    Ledger,
    SeenNames,
    Stock,
)
from drtool.model.policy import Exclusion, Policy, Protect, SourcePolicy
from drtool.model.workload import Workload
from drtool.planning.ledger import Seen, make_ledger, means, sources_to_ask
from tests.planning.planning_values import DAY, NOW, backup_set, policy, workload

SOURCES = {
    "here": SourcePolicy("here", "files", "home"),
    "nas": SourcePolicy("nas", "truenas", "home", {"url": "wss://nas/api/current", "user": "drtool"}),
    "keeper": SourcePolicy("keeper", "truenas", "home", {"url": "wss://nas/api/current", "user": "keeper"}),
    "billing": SourcePolicy("billing", "stream", "home"),
}
WORDS = {PROTECTED, EXCLUDED, UNPROTECTED, PROBLEM}


def exclusion(pattern: str, source: str = "nas", *, days: float = 30) -> Exclusion:
    return Exclusion(pattern, source, "can be made again", NOW + days * DAY)


def rules(*exclusions: Exclusion) -> Policy:
    protect = (Protect("here", {"paths": ["/home"]}), Protect("nas", {"dataset": "tank/*"}), Protect("billing"))
    return replace(policy(backup_set(protect=protect)), sources=SOURCES, exclusions=exclusions)


def datasets(*names: str, source: str = "nas") -> Stock:
    return Stock(tuple(Existing(f"{source}:{name}", "dataset") for name in names))


def ledger(
    *exclusions: Exclusion,
    workloads: Iterable[Workload] = (),
    known: SeenNames | None = None,
    found: SetInventory | None = None,
    barred: dict[str, tuple[str, ...]] | None = None,
    **stocks: Stock | Problem,
) -> Ledger:
    sets = {"documents": found or SetInventory("documents", tuple(workloads))}
    return make_ledger(rules(*exclusions), Seen(sets, barred or {}, stocks), FACTS, known=known or {}, now=NOW)


def words(found: Ledger) -> dict[str, str]:
    return {line.workload: line.state for line in found.lines}


def line_of(found: Ledger, name: str) -> InventoryLine:
    (line,) = (each for each in found.lines if each.workload == name)
    return line


def file_workload(path: str, **more: Any) -> Workload:  # noqa: ANN401
    return workload(f"here:{path}", selector={"path": path, **more})


def mounts(*paths: str) -> Stock:
    return Stock(tuple(Existing(f"here:{path}", FILE_SYSTEM, (path,)) for path in paths), mounts=paths)


def database(path: str, *, mounts: tuple[str, ...] | None = ()) -> Stock:
    return Stock((Existing(f"here:database:{path}", "database", (path,), "PostgreSQL"),), mounts=mounts)


def test_each_gets_its_word() -> None:
    found = ledger(
        exclusion("tank/scratch"),
        exclusion("tank/old", days=-1),
        workloads=(workload("nas:tank/photos"), workload("nas:tank/locked", problem="tank/locked is locked"), file_workload("/home")),
        barred={"here:/home": ("/home/secret",)},
        nas=datasets("tank", "tank/photos", "tank/locked", "tank/scratch", "tank/old"),
    )
    assert words(found) == {
        "nas:tank/photos": PROTECTED,
        "nas:tank/locked": PROBLEM,
        "here:/home": PROBLEM,
        "nas:tank": UNPROTECTED,
        "nas:tank/scratch": EXCLUDED,
        "nas:tank/old": UNPROTECTED,
    }
    assert line_of(found, "nas:tank/scratch").note == "can be made again"
    assert line_of(found, "nas:tank/scratch").until == NOW + 30 * DAY
    assert line_of(found, "nas:tank/old").note == "its exclusion ended with 2026-11-22: can be made again"
    assert line_of(found, "here:/home").note == "this user cannot read /home/secret"
    assert line_of(found, "nas:tank/photos").kind == "dataset"


@pytest.mark.parametrize(("days", "word"), [(0, EXCLUDED), (1, EXCLUDED), (-1, UNPROTECTED)])
def test_the_last_day_belongs_to_it(days: int, word: str) -> None:
    midnight = NOW.replace(hour=0)
    rule = replace(exclusion("tank/x"), until=midnight + days * DAY)
    for now in (midnight, NOW, midnight + timedelta(hours=23, minutes=59)):
        seen = Seen({"documents": SetInventory("documents", ())}, {}, {"nas": datasets("tank/x")})
        (line,) = make_ledger(rules(rule), seen, FACTS, known={}, now=now).lines
        assert line.state == word


NAMES = [f"tank/{letter}" for letter in "abcd"]
some_names = some.lists(some.sampled_from(NAMES), unique=True)


@given(
    there=some_names,
    matched=some_names,
    broken=some_names,
    excluded=some_names,
    over=some.booleans(),
    unknown=some_names,
    answer=some.booleans(),
)
def test_exactly_one_word_each_and_never_a_better_one(
    there: list[str],
    matched: list[str],
    broken: list[str],
    excluded: list[str],
    over: bool,  # noqa: FBT001 - likewise
    unknown: list[str],
    answer: bool,  # noqa: FBT001
) -> None:
    members = [workload(f"nas:{name}", problem="it is locked" if name in broken else "") for name in matched]
    existing = Stock(tuple(Existing(f"nas:{name}", "dataset", problem="nobody knows" if name in unknown else "") for name in there))
    stock = existing if answer else Problem("Unavailable", "nas does not answer")
    found = ledger(*(exclusion(name, days=-1 if over else 1) for name in excluded), workloads=members, nas=stock)
    named = Counter(line.workload for line in found.lines if line.workload)
    everything = {f"nas:{name}" for name in (*matched, *(there if answer else ()))}
    assert named == dict.fromkeys(everything, 1)
    assert {line.state for line in found.lines} <= WORDS
    for line in found.lines:
        name = line.workload.removeprefix("nas:")
        assert line.state != PROTECTED or (name in matched and name not in broken)
        assert line.state != EXCLUDED or (name in excluded and not over and name not in matched)
        assert line.state != PROBLEM or name in broken or name in unknown or not answer
    assert answer or any(line.is_bad({UNPROTECTED}) for line in found.lines), "nobody knows what else is there"


def test_a_source_that_does_not_answer_is_told_once() -> None:
    silent = Problem("Unavailable", "it does not answer")
    found = ledger(found=SetInventory("documents", (), (Problem("Unavailable", "nas: it does not answer"),)), nas=silent, here=silent)
    assert [(line.workload, line.source, line.state, line.note) for line in found.lines] == [
        ("", "", PROBLEM, "nas: it does not answer"),
        ("", "here", PROBLEM, "it does not answer"),
    ]
    assert all(line.is_bad(()) for line in found.lines)


def test_two_ways_into_one_nas_are_one_nas() -> None:
    assert sources_to_ask(rules(), FACTS) == ("here", "nas", "billing")
    found = ledger(
        exclusion("tank/x", source="keeper"),
        workloads=(workload("keeper:system"),),
        nas=Stock((Existing("nas:system", "appliance"), *datasets("tank/x").existing)),
    )
    assert words(found) == {"keeper:system": PROTECTED, "nas:tank/x": EXCLUDED}


def test_a_stream_has_the_name_of_its_source() -> None:
    stock = Stock((Existing("billing", "stream"),))
    assert words(ledger(billing=stock)) == {"billing": UNPROTECTED}
    assert words(ledger(exclusion("billing", "billing"), billing=stock)) == {"billing": EXCLUDED}
    assert words(ledger(workloads=(workload("billing"),), billing=stock)) == {"billing": PROTECTED}


def test_file_systems_are_covered_by_paths() -> None:
    home = (file_workload("/home"),)
    found = ledger(workloads=home, here=mounts("/", "/home", "/home/me", "/homestead"))
    assert words(found) == {"here:/home": PROTECTED, "here:/": UNPROTECTED, "here:/home/me": PROTECTED, "here:/homestead": UNPROTECTED}
    assert line_of(found, "here:/home/me").sets == ("documents",)
    assert line_of(found, "here:/").note == "of it protected: /home"
    alone = ledger(workloads=(file_workload("/home", one_file_system=True),), here=mounts("/home/me"))
    assert line_of(alone, "here:/home/me").state == UNPROTECTED
    excluded = ledger(workloads=(file_workload("/home", exclude=["/home/me"]),), here=mounts("/home/me"))
    assert line_of(excluded, "here:/home/me").state == UNPROTECTED


def test_a_database_behind_a_mount_that_is_not_listed_is_not_covered() -> None:
    alone = (file_workload("/srv", one_file_system=True),)
    states = {
        mounted: line_of(ledger(workloads=alone, here=database("/srv/pg/data", mounts=mounted)), "here:database:/srv/pg/data").state
        for mounted in ((), ("/srv", "/srv/pg"), None)
    }
    assert states == {(): PROTECTED, ("/srv", "/srv/pg"): UNPROTECTED, None: UNPROTECTED}


def test_a_database_that_this_user_cannot_read_is_not_covered() -> None:
    found = ledger(workloads=(file_workload("/srv"),), barred={"here:/srv": ("/srv/pg",)}, here=database("/srv/pg"))
    assert words(found) == {"here:/srv": PROBLEM, "here:database:/srv/pg": UNPROTECTED}
    assert line_of(found, "here:database:/srv/pg").note == "PostgreSQL; this user cannot read /srv/pg"


def test_a_set_that_excludes_its_own_path_protects_nothing() -> None:
    found = ledger(workloads=(file_workload("/srv", exclude=["/srv"]),), here=mounts("/srv", "/srv/x"))
    assert words(found) == {"here:/srv": PROBLEM, "here:/srv/x": UNPROTECTED}
    assert line_of(found, "here:/srv").note == "what documents excludes is all of it"
    kept = ledger(workloads=(file_workload("/srv", exclude=["/srv/*", "!/srv/kept"]),), here=mounts("/srv"))
    assert words(kept) == {"here:/srv": PROTECTED}


def test_one_name_of_two_configurations_is_two_machines() -> None:
    ways = {name: SourcePolicy(name, "files", "home", {"ssh": "nas", "ssh_config": f"/etc/{name}"}) for name in ("a", "b")}
    assert sources_to_ask(replace(policy(), sources=ways), FACTS) == ("a", "b")


def test_a_container_is_covered_with_all_of_its_folders() -> None:
    def state(*paths: str) -> InventoryLine:
        stock = Stock((Existing("here:docker:cloud", "container", paths),))
        return line_of(ledger(workloads=(file_workload("/srv"),), here=stock), "here:docker:cloud")

    assert state("/srv/a", "/srv/b").state == PROTECTED
    assert state("/srv/a", "/opt/b").note == "not covered: /opt/b"
    assert state().state == UNPROTECTED, "of what has no folder nothing is covered"


def test_an_exclusion_for_nothing_is_told_where_everybody_answered() -> None:
    idle = exclusion("tank/gone")
    used = exclusion("tank/photos")
    found = ledger(idle, used, workloads=(workload("nas:tank/photos"),), nas=datasets("tank/photos"))
    assert [each for each in found.told if "matches nothing" in each] == ["the exclusion of tank/gone on nas matches nothing"]
    away = ledger(idle, nas=Problem("Unavailable", "it does not answer"))
    assert not [each for each in away.told if "matches nothing" in each]


def test_what_may_be_there_untold_is_excluded_by_its_very_name_alone() -> None:
    untold = Stock((Existing("nas:guests", "guests", problem="there may be more", may_hide=True), Existing("nas:tank", "dataset")))
    assert words(ledger(exclusion("**"), nas=untold)) == {"nas:guests": PROBLEM, "nas:tank": EXCLUDED}
    assert words(ledger(exclusion("guests"), nas=untold))["nas:guests"] == EXCLUDED


def test_a_workload_is_excluded_by_the_name_that_the_ledger_shows_too() -> None:
    found = ledger(exclusion("nas:tank/scratch"), nas=datasets("tank/scratch"))
    assert words(found) == {"nas:tank/scratch": EXCLUDED}
    assert not [each for each in found.told if "matches nothing" in each]


def test_a_source_that_does_not_answer_says_what_to_type() -> None:
    (line,) = ledger(nas=Problem("Refused", "it does not accept the token", "look whether it has expired")).lines
    assert line.note == "it does not accept the token; next: look whether it has expired"


def test_an_exclusion_is_no_way_to_hide_what_a_set_cannot_protect() -> None:
    found = ledger(exclusion("tank/**"), workloads=(workload("nas:tank/a", problem="it is locked"),), nas=datasets("tank/a", "tank/b"))
    assert words(found) == {"nas:tank/a": PROBLEM, "nas:tank/b": EXCLUDED}


def test_what_nobody_could_ask_for_can_be_excluded() -> None:
    stock = Stock((Existing("here:docker", "docker", problem="permission denied"),))
    assert words(ledger(here=stock)) == {"here:docker": PROBLEM}
    assert words(ledger(exclusion("docker", "here"), here=stock)) == {"here:docker": EXCLUDED}


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("tank/scratch*", "tank/scratch2", True),
        ("tank/scratch*", "tank/scratch/x", False),
        ("tank/scratch/**", "tank/scratch/x/y", True),
        ("tank/scratch/**", "tank/scratch", False),
        ("**", "tank/x", True),
        ("/", "/", True),
        ("/", "/srv", False),
        ("/**", "/srv/x", True),
        ("tank/[ab]", "tank/a", True),
        ("docker:*", "docker:cloud", True),
        ("*", "tank\nrm", True),
        ("tank", "Tank", False),
    ],
)
def test_patterns_go_name_by_name(pattern: str, name: str, meant: bool) -> None:  # noqa: FBT001 - a case
    assert means(pattern, name) is meant


def test_what_is_unprotected_is_counted_where_everybody_answered() -> None:
    assert ledger(exclusion("tank/a"), nas=datasets("tank/a", "tank/b", "tank/c")).unprotected == 2
    assert ledger(nas=Stock(())).unprotected == 0
    assert ledger(nas=datasets("tank/b"), here=Problem("Unavailable", "it does not answer")).unprotected is None
    assert ledger(nas=Stock((Existing("nas:ix-apps", "apps", problem="not told"),))).unprotected is None


def test_new_is_what_was_not_there_at_the_last_look() -> None:
    first = ledger(nas=datasets("tank/a"))
    assert "first look at nas: nothing of it is called new" in first.told
    assert not any(line.new for line in first.lines)
    second = ledger(nas=datasets("tank/a", "tank/b"), known=first.seen)
    assert [line.workload for line in second.lines if line.new] == ["nas:tank/b"]
    assert not any("first look" in each for each in second.told)
    third = ledger(nas=datasets("tank/b"), known=second.seen)
    assert not any(line.new for line in third.lines)
    assert [line.new for line in ledger(nas=datasets("tank/a"), known=third.seen).lines] == [True], "it went away and came again"


def test_a_source_that_has_nothing_was_looked_at() -> None:
    empty = ledger(nas=Stock(()))
    assert [line.new for line in ledger(nas=datasets("tank/a"), known=empty.seen).lines] == [True]


@pytest.mark.parametrize(
    "answer", [Problem("Unavailable", "it does not answer"), Stock((Existing("nas:ix-apps", "apps", problem="not told"),))]
)
def test_who_does_not_answer_is_not_forgotten(answer: Stock | Problem) -> None:
    before = ledger(nas=datasets("tank/a"))
    between = ledger(nas=answer, known=before.seen)
    assert "nas:tank/a" in between.seen["nas"]
    assert not any(line.new for line in ledger(nas=datasets("tank/a"), known=between.seen).lines)


def test_a_set_that_could_not_ask_forgets_nothing() -> None:
    before = ledger(workloads=(workload("keeper:system"),))
    away = replace(rules(), sets={"documents": backup_set(protect=(Protect("keeper", {"system": True}),))})
    silent = Seen({"documents": SetInventory("documents", (), (Problem("Unavailable", "keeper: no answer"),))}, {}, {})
    assert make_ledger(away, silent, FACTS, known=before.seen, now=NOW).seen["keeper"] == {"keeper:system"}


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        (InventoryLine("a:b", "a", "s", PROTECTED, sets=("s",)), ""),
        (InventoryLine("a:b", "a", "", EXCLUDED), ""),
        (InventoryLine("a:b", "a", "", UNPROTECTED), "unprotected"),
        (InventoryLine("a:b", "a", "s", PROBLEM, sets=("s",)), "nothing unprotected problem new"),
        (InventoryLine("a:b", "a", "", PROBLEM), "unprotected problem new"),
        (InventoryLine("a:b", "a", "s", PROTECTED, sets=("s",), new=True), "new"),
        (InventoryLine("", "a", "", PROBLEM), "nothing unprotected problem new"),
        (InventoryLine("", "a", "s", PROBLEM, sets=("s",)), "nothing unprotected problem new"),
    ],
)
def test_what_a_look_fails_on(line: InventoryLine, bad: str) -> None:
    asked: dict[str, set[str]] = {"nothing": set(), "unprotected": {"unprotected"}, "problem": {"problem"}, "new": {"new"}}
    assert {name for name, fail_on in asked.items() if line.is_bad(fail_on)} == set(bad.split())
