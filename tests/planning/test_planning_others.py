"""Whose a point is, what follows from it, and what is told of those that are not ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drtool.app.origin import FromRepository, Operator
from drtool.model.errors import NotFound, Refused
from drtool.model.inventory import Problem
from drtool.model.plan import Forget, Plan, Release
from drtool.model.standing import Acceptance, Adopted, Adoption, Ours, Standing
from drtool.model.workload import Leftover
from drtool.planning.adopt import adoptable, adopted, choose_adoption, choose_leftovers, doubt
from drtool.planning.backup import plan_run
from drtool.planning.choose import choose_point
from drtool.planning.others import about_choice, others_of, restless
from drtool.planning.standing import judged, left_here, ours_of, proves, standing
from drtool.planning.status import Beyond, assess
from drtool.planning.sweep import plan_sweep
from drtool.planning.undo import plan_undo
from tests.planning.planning_values import BY, DAY, NOW, WORKLOADS, daily, evidence, inventory, listing, point, policy

OURS = Ours(BY, frozenset({"nas"}), frozenset({"SHA256:mine"}), frozenset({"f" * 64}))
SIGNED = {"machine": "nas", "signer": "SHA256:mine"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (SIGNED, Standing.OURS),
        ({**SIGNED, "by": "another"}, Standing.ANOTHER_NAME),
        ({**SIGNED, "machine": "laptop"}, Standing.ANOTHER_MACHINE),
        ({"machine": "laptop", "signer": "SHA256:theirs"}, Standing.ANOTHER_MACHINE),
        ({**SIGNED, "signer": "SHA256:theirs"}, Standing.STRANGER),
        ({**SIGNED, "signer": ""}, Standing.STRANGER),
        ({**SIGNED, "machine": ""}, Standing.ANOTHER_MACHINE),
        ({"unsigned": "f" * 64}, Standing.OURS),
        ({"unsigned": "e" * 64}, Standing.STRANGER),
        ({"unsigned": "e" * 64, "machine": "nas"}, Standing.STRANGER),
        ({}, Standing.STRANGER),
    ],
)
def test_whose_a_point_is(changes: dict[str, Any], expected: Standing) -> None:
    found = judged(replace(listing("near"), points=(point("A", **changes),)), OURS)
    assert standing(point("A", **changes), OURS) is expected
    assert [each.point for each in found.points] == (["A"] if expected is Standing.OURS else [])
    assert [each.standing for each in found.others] == ([] if expected is Standing.OURS else [expected])


@given(
    some.lists(some.tuples(some.sampled_from("AB"), some.sampled_from(["nas", "laptop", ""]), some.sampled_from(["SHA256:mine", "x", ""])))
)
def test_judging_loses_nothing_and_judging_again_changes_nothing(rows: list[tuple[str, str, str]]) -> None:
    points = tuple(point(f"{number:03}{name}", machine=machine, signer=signer) for number, (name, machine, signer) in enumerate(rows))
    once = judged(replace(listing("near"), points=points), OURS)
    assert {each.point for each in once.every_point} == {each.point for each in points}
    assert judged(once, OURS) == once
    nobody = judged(once, replace(OURS, machines=frozenset()))
    assert nobody.points == ()
    assert {each.point for each in judged(nobody, OURS).points} == {each.point for each in once.points}


def test_who_is_accepted() -> None:
    known = Acceptance(("nas",), ("SHA256:mine",), "SHA256:first", (Adopted("gone", ("SHA256:gone",), NOW),))
    assert ours_of(known, by=BY).signers == {"SHA256:mine", "SHA256:first", "SHA256:gone"}
    assert ours_of(known, by=BY).machines == {"nas", "gone"}
    assert ours_of(known, by=BY, signers=("SHA256:named",)).signers == {"SHA256:mine", "SHA256:named"}
    once = Adoption("away", "SHA256:away", 1, ("documents",), NOW, NOW)
    assert ours_of(known, by=BY, standing_in=once).machines == {"nas", "gone", "away"}
    assert ours_of(Acceptance(), by=BY) == Ours(BY, frozenset(), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:mine"}, True),
        ({"signer": "SHA256:mine", "tags_signer": ""}, False),
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:theirs"}, False),
        ({"signer": "SHA256:theirs", "tags_signer": "SHA256:mine"}, False),
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:mine", "tested": "nas"}, True),
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:mine", "tested": "laptop"}, False),
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:mine", "machine": "runner-17", "tested": "nas"}, True),
        ({"signer": "SHA256:mine", "tags_signer": "SHA256:mine", "by": "another"}, False),
        ({"unsigned": "f" * 64}, True),
        ({"unsigned": "e" * 64}, False),
        ({}, False),
    ],
)
def test_what_proves(changes: dict[str, str], expected: bool) -> None:  # noqa: FBT001 - pytest's shape
    assert proves(evidence(**changes), OURS) is expected


def test_a_leftover_of_another_machine_is_left() -> None:
    mine = Leftover("here", "staging", "/x", "R", BY)
    assert left_here(mine, by=BY, machines=frozenset({"nas"}))
    assert left_here(replace(mine, machine="nas"), by=BY, machines=frozenset({"nas"}))
    assert not left_here(replace(mine, machine="laptop"), by=BY, machines=frozenset({"nas"}))
    assert not left_here(replace(mine, by="another"), by=BY, machines=frozenset({"nas"}))


@pytest.mark.parametrize(
    ("others", "words", "following"),
    [
        (
            [{"standing": "another_machine", "machine": "laptop"}],
            "; 1 point lies here that another machine of this name made (new state directory?)",
            "drtool adopt",
        ),
        (
            [{"standing": "another_machine", "machine": name} for name in ("nas", "laptop")],
            "; 2 points lie here that another",
            "drtool adopt",
        ),
        ([{"standing": "stranger"}], " of ours", "drtool points documents"),
    ],
)
def test_a_machine_without_a_point_looks_first_at_what_lies_there(others: list[dict[str, str]], words: str, following: str) -> None:
    theirs = tuple(point(f"T{number}", NOW - DAY, **each) for number, each in enumerate(others))
    near = replace(listing("near"), others=theirs)
    failed = Beyond(after_failure={"documents": "drtool run documents"})
    for beyond in (None, failed):
        (found,) = assess(policy(), inventory(near, listing("offsite")), now=NOW, beyond=beyond)
        assert found.attention[0].startswith("documents has no complete recovery point of ours")
        assert words in found.attention[0]
        assert found.next == following
    partial = replace(near, points=(point("P", NOW, complete=False),))
    (found,) = assess(policy(), inventory(partial, listing("offsite")), now=NOW)
    assert found.next == "drtool run documents", "it runs here, so it is no machine made anew"


def test_others_are_told_count_for_nothing_and_are_never_forgotten() -> None:
    strangers = tuple(replace(each, standing="stranger", point=f"S{each.point}") for each in daily(9, newest=NOW))
    theirs = (point("T", NOW, standing="another_machine", machine="laptop"),)
    near = listing("near", (*daily(5), *strangers, *theirs))
    seen = inventory(near, listing("offsite", daily(5)), workloads=WORKLOADS)
    (found,) = assess(policy(), seen, now=NOW)
    assert found.point == "P005"
    assert any("9 points of documents" in words and "nobody of ours" in words for words in found.attention)
    assert any("laptop" in words for words in found.attention)
    plan = plan_run(policy(), seen, sets=("documents",), now=NOW, run="R", points={"documents": "NEW"})
    forgotten = {name for step in plan.steps if isinstance(step.action, Forget) for name in step.action.points}
    assert forgotten == {"P001", "P002", "P003"}
    assert not {verdict.point for verdict in plan.verdicts} & {"T", *(each.point for each in strangers)}
    assert any("laptop" in note for note in plan.notes)


def test_a_pipeline_whose_key_is_not_accepted_is_told() -> None:
    drill = evidence(signer="SHA256:ci", tags_signer="SHA256:ci", counts=False)
    near = listing("near", daily(1), evidence=(drill,))
    (told,) = others_of((near,), "documents", by=BY, now=NOW)
    assert "SHA256:ci" in told.words
    assert "signers:" in told.words
    theirs = listing("near", (point("T", standing="another_machine", machine="laptop"),), evidence=(replace(drill, tested="laptop"),))
    (machine,) = others_of((theirs,), "documents", by=BY, now=NOW)
    assert "laptop" in machine.words


def test_restore_takes_the_newest_of_ours_names_newer_ones_and_asks_for_others() -> None:
    newer = point("N", NOW, standing="stranger", unsigned="e" * 64)
    theirs = point("T", NOW - DAY, standing="another_machine", machine="laptop", signer="SHA256:mine")
    near = {"near": listing("near", (*daily(2), newer, theirs))}
    choice = choose_point(near, set="documents", by=BY, now=NOW)
    assert (choice.point, [each.point for each in choice.passed_over]) == ("P002", ["N"])
    notes, asks = about_choice(choice, in_place=True)
    assert "N of" in notes[0]
    assert asks == ()
    named = choose_point(near, set="documents", by=BY, point="N", now=NOW)
    assert about_choice(named, in_place=True)[1] != ()
    assert about_choice(named, in_place=False)[1] == ()
    alone = {"near": listing("near", (theirs,))}
    with pytest.raises(NotFound) as gone:
        choose_point(alone, set="documents", by=BY, now=NOW)
    assert "drtool adopt laptop" in gone.value.hint
    assert choose_point(alone, set="documents", by=BY, now=NOW, signers=frozenset({"SHA256:mine"})).point == "T"
    with pytest.raises(NotFound):
        choose_point(alone, set="documents", by=BY, now=NOW, signers=frozenset({"SHA256:other"}))


def test_an_adoption_is_clear_or_refused() -> None:
    def theirs(name: str, signer: str, days: int) -> object:
        return point(name, NOW - days * DAY, machine="laptop", signer=signer, standing="another_machine")

    near = {"near": replace(listing("near"), others=(theirs("A", "SHA256:a", 3), theirs("B", "SHA256:b", 1)))}  # type: ignore[arg-type]
    found = adoptable(near, Acceptance())
    assert [(each.machine, each.signer, each.points) for each in found] == [("laptop", "SHA256:a", 1), ("laptop", "SHA256:b", 1)]
    with pytest.raises(Refused, match="several signatures"):
        choose_adoption(found, "laptop", ours=OURS, signers=())
    assert choose_adoption(found, "laptop", signer="SHA256:b", ours=OURS, signers=()).signer == "SHA256:b"
    first = adoptable(near, Acceptance(first="SHA256:a"))
    with pytest.raises(Refused) as told:
        choose_adoption(first, "laptop", ours=OURS, signers=())
    for word in ("SHA256:a: 1 point of documents, dated", "SHA256:b: 1 point of documents, dated"):
        assert word in told.value.what
    assert "--signer FINGERPRINT" in told.value.hint
    chosen = choose_adoption(first, "laptop", signer="SHA256:a", ours=OURS, signers=())
    assert (chosen.signer, chosen.rivals) == ("SHA256:a", ("SHA256:b",))
    assert choose_adoption(first, "laptop", ours=replace(OURS, signers=frozenset({"SHA256:b"})), signers=("SHA256:b",)).signer == "SHA256:b"
    assert adopted(Acceptance(first="SHA256:b"), chosen, at=NOW).first == "", "who was met first and is named by nobody"
    assert adopted(Acceptance(first="SHA256:elsewhere"), chosen, at=NOW).first == "SHA256:elsewhere"
    shared = [replace(chosen, machine=machine) for machine in ("laptop", "pi")]
    with pytest.raises(Refused, match="several machines signed"):
        choose_adoption(shared, "SHA256:a", ours=OURS, signers=())
    with pytest.raises(NotFound, match="no machine nowhere"):
        choose_adoption(first, "nowhere", ours=OURS, signers=())
    with pytest.raises(Refused, match="not among"):
        choose_adoption(first, "laptop", signer="SHA256:a", ours=OURS, signers=("SHA256:mine",))
    known = adopted(Acceptance(), chosen, at=NOW)
    assert adopted(known, chosen, at=NOW + timedelta(days=1)) == known
    assert adopted(known, chosen, unsigned=("e" * 64,), at=NOW).unsigned == ("e" * 64,)


def test_a_machine_whose_id_changes_is_noticed() -> None:
    runs = [("a", "R1"), ("b", "R2"), ("c", "R3"), ("c", "R4")]
    made = tuple(point(f"P{run}", machine=machine, run=run, standing="another_machine") for machine, run in runs)
    assert restless((listing("near", made),), by=BY) == 2
    assert restless((listing("near", made[1:]),), by=BY) == 0


def test_a_sweep_leaves_and_tells_what_another_machine_left_until_it_is_adopted() -> None:
    past = (NOW - DAY).isoformat()
    theirs = [Leftover("here", what, f"/x/{what}", "R", BY, expires=past, machine="laptop") for what in ("staging", "sandbox", "kept")]

    def swept(machines: frozenset[str]) -> Plan:
        nobody: frozenset[str] = frozenset()
        return plan_sweep(theirs, run="S", now=NOW, by=BY, machines=machines, dead_runs=frozenset({"R"}), live_runs=nobody, kept=True)

    left = swept(frozenset({"nas"}))
    assert [step.action.leftover.what for step in left.steps if isinstance(step.action, Release) and step.action.leftover] == ["sandbox"]
    assert len(left.skipped) == 2  # a sandbox past its lease lies in a place of drtool's own, and nobody else would end it
    assert all("drtool adopt --leftovers laptop" in each.reason for each in left.skipped)
    assert len(swept(frozenset({"nas", "laptop"})).steps) == 3


def test_a_run_of_another_machine_is_not_taken_back_until_it_is_adopted() -> None:
    kept = Leftover("here", "kept", "/srv.before-P", "01A", BY, target="/srv", machine="laptop")
    with pytest.raises(Refused, match="machine laptop") as refused:
        plan_undo((kept,), undone="01A", run="01Z", now=NOW, by=BY, machines=frozenset({"nas"}))
    assert "drtool adopt --leftovers laptop" in refused.value.hint
    assert plan_undo((kept,), undone="01A", run="01Z", now=NOW, by=BY, machines=frozenset({"nas", "laptop"})).steps
    since = replace(kept, machine="nas", run="01B")
    with pytest.raises(Refused, match="of machine nas"):
        plan_undo((kept, since), undone="01A", run="01Z", now=NOW, by=BY, machines=frozenset({"laptop"}))


def test_what_a_machine_left_is_adopted_without_a_key() -> None:
    laptop = Leftover("here", "kept", "/x", "R", BY, machine="laptop")
    mine, another, old = replace(laptop, machine="nas"), replace(laptop, by="another", machine="pi"), replace(laptop, machine="")
    left = (laptop, laptop, mine, another, old)
    chosen = choose_leftovers(left, "laptop", ours=OURS, at=NOW)
    assert (chosen.machine, chosen.signer, chosen.points) == ("laptop", "", 0)
    known = adopted(Acceptance(("nas",), ("SHA256:mine",)), chosen, at=NOW)
    ours = ours_of(known, by=BY)
    assert ours.machines == {"nas", "laptop"}
    assert [ours.seals_as(each) for each in ("nas", "laptop", "pi")] == [True, False, False]
    assert standing(point("A", machine="laptop", signer="SHA256:theirs"), ours) is Standing.ANOTHER_MACHINE
    assert standing(point("A", machine="laptop", signer="SHA256:mine"), ours) is Standing.ANOTHER_MACHINE
    points = adopted(known, Adoption("laptop", "SHA256:theirs", 1, ("documents",), NOW, NOW), at=NOW)
    assert ours_of(points, by=BY).seals_as("laptop")
    own = Acceptance(("laptop",), adopted=known.adopted)
    assert ours_of(own, by=BY).seals_as("laptop")
    assert ours_of(known, by=BY).signers == {"SHA256:mine"}
    for absent in ("nas", "pi", ""):
        with pytest.raises(NotFound, match="left anything") as missing:
            choose_leftovers(left, absent, ours=OURS, at=NOW)
        assert "laptop" in missing.value.hint


def test_a_machine_that_sealed_something_today_is_asked_about() -> None:
    theirs = Adoption("laptop", "SHA256:theirs", 1, ("documents",), NOW - 9 * DAY, NOW - timedelta(minutes=4))
    assert doubt(theirs, now=NOW) == "its newest point is 4m old: is it really gone?"
    assert doubt(replace(theirs, newest=NOW - 2 * DAY), now=NOW) == ""
    assert doubt(replace(theirs, newest=NOW + DAY), now=NOW) != ""
    assert doubt(replace(theirs, signer=""), now=NOW) == "", "what it left is adopted without a point"


def test_a_name_that_nobody_has_is_answered_by_those_there_are() -> None:
    with pytest.raises(NotFound) as nobody:
        choose_adoption((), "nosuch", ours=OURS, signers=())
    assert "--leftovers" not in nobody.value.hint
    assert "no other machine" in nobody.value.hint


def test_a_source_that_a_policy_out_of_a_repository_may_not_ask_fails_no_sweep() -> None:
    withheld = Problem("Refused", "books comes out of the repository", "read that policy")
    away = Problem("Unavailable", "nas does not answer", "look")

    def outcomes(withheld: tuple[Problem, ...] = (), problems: tuple[Problem, ...] = ()) -> list[str]:
        none: frozenset[str] = frozenset()
        plan = plan_sweep((), run="S", now=NOW, by=BY, dead_runs=none, live_runs=none, withheld=withheld, problems=problems)
        return [each.outcome for each in plan.skipped]

    assert outcomes(withheld=(withheld,)) == ["succeeded"]
    assert outcomes(problems=(away,)) == ["failed"]
    bare = FromRepository(())
    assert (bare.withholds(withheld), bare.withholds(away), Operator().withholds(withheld)) == (True, False, False)
