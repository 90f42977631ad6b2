"""From measurements to a model, and from a plan to the end of its last check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from pytest import approx  # noqa: PT013 - it reads as a word

from drtool.model.codec import decode, encode
from drtool.model.forecast import Forecast, PastForecast
from drtool.model.inventory import Listing
from drtool.model.lane import COLD, WARM, Content, Experience, Lane, Measurement
from drtool.model.load import loads
from drtool.model.plan import Destination, Done, Plan, Prune, Step
from drtool.model.point import Artifact, Census, DataSnapshot
from drtool.planning.drill import plan_drill
from drtool.planning.duration_model import Sample, fit
from drtool.planning.forecast import MOST, forecast
from drtool.planning.forecast_words import spell_source, worst
from drtool.planning.limits import Limits
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.rto_forecast import newest_points, rto_forecasts
from drtool.planning.timeline import ends_of
from tests.planning.planning_values import CHECKS, DAY, HOOKS, NOW, backup_set, listing, manifest, member, point, policy

MIB = 1 << 20
SAMPLES = some.lists(
    some.builds(
        Sample,
        bytes=some.integers(0, 1 << 40),
        files=some.integers(0, 1_000_000),
        seconds=some.floats(0.001, 100_000),
    ),
    min_size=1,
    max_size=7,
)
SIZES = some.integers(0, 1 << 41)
FILES = some.integers(0, 10_000_000)


@given(samples=SAMPLES, proportional=some.booleans(), some_bytes=SIZES, more=SIZES, files=FILES)
def test_more_bytes_never_take_less_and_nothing_is_negative(
    *, samples: list[Sample], proportional: bool, some_bytes: int, more: int, files: int
) -> None:
    model = fit(samples, proportional=proportional)
    fewer, most = sorted((some_bytes, more))
    assert 0 <= model.seconds(bytes=fewer, files=files) <= model.seconds(bytes=most, files=files)
    assert model.seconds(bytes=fewer, files=files) <= model.seconds(bytes=fewer, files=files + 1)
    assert model.widening > 1


@given(samples=SAMPLES, proportional=some.booleans(), chance=some.randoms())
def test_the_order_of_measurements_does_not_matter(*, samples: list[Sample], proportional: bool, chance: Any) -> None:  # noqa: ANN401
    shuffled = list(samples)
    chance.shuffle(shuffled)
    assert fit(shuffled, proportional=proportional) == fit(samples, proportional=proportional)


@given(samples=SAMPLES, proportional=some.booleans(), factor=some.sampled_from([0.25, 0.5, 2.0, 64.0]), size=SIZES, files=FILES)
def test_another_unit_of_time_changes_only_the_unit(
    *, samples: list[Sample], proportional: bool, factor: float, size: int, files: int
) -> None:
    other = fit([replace(each, seconds=each.seconds * factor) for each in samples], proportional=proportional)
    here = fit(samples, proportional=proportional)
    assert other.seconds(bytes=size, files=files) == approx(here.seconds(bytes=size, files=files) * factor)
    assert other.widening == approx(here.widening)


@given(SAMPLES, SIZES, FILES)
def test_another_unit_of_size_changes_nothing(samples: list[Sample], size: int, files: int) -> None:
    other = fit([replace(each, bytes=each.bytes * 1024) for each in samples], proportional=True)
    here = fit(samples, proportional=True)
    if all(each.bytes > 0 for each in samples):  # below one byte there is no telling small from nothing
        assert other.seconds(bytes=size * 1024, files=files) == approx(here.seconds(bytes=size, files=files))


@settings(max_examples=40)
@given(some.floats(0.1, 5), some.floats(1e-9, 1e-6), some.floats(1e-5, 1e-2))
def test_what_made_the_numbers_is_found_again(fixed: float, per_byte: float, per_file: float) -> None:
    sizes = [(2 * MIB, 4), (16 * MIB, 4000), (32 * MIB, 100), (128 * MIB, 20), (256 * MIB, 8000), (512 * MIB, 16)]
    samples = [Sample(size, files, fixed + size * per_byte + files * per_file) for size, files in sizes]
    model = fit(samples, proportional=True)
    for size, files in [(64 * MIB, 10), (100 * MIB, 5000)]:
        # Where a term is not worth a tenth of the error it may be left out.
        assert model.seconds(bytes=size, files=files) == approx(fixed + size * per_byte + files * per_file, rel=0.15)


def test_the_fixed_cost_is_seen_and_one_wild_measurement_moves_little() -> None:
    calm = [Sample(size * MIB, 1, 1.0 + size / 100) for size in (1, 10, 50, 100, 200, 400)]
    model = fit(calm, proportional=True)
    assert model.fixed_seconds == approx(1.0)
    assert model.seconds_per_byte == approx(1 / 100 / MIB)
    assert model.widening == approx(7 / 6)
    assert (model.seconds_per_file, model.measurements, model.simple) == (0.0, 6, False)
    wild = fit([*calm, Sample(150 * MIB, 1, 60.0)], proportional=True)
    assert wild.seconds(bytes=300 * MIB, files=1) == approx(4.0, rel=0.05)
    assert wild.widening > 10  # and the ninth of ten knows of it


def test_few_or_equal_measurements_make_a_rate() -> None:
    one = fit([Sample(100 * MIB, 5, 10.0)], proportional=True)
    assert one.seconds(bytes=50 * MIB, files=0) == approx(5.0)
    assert (one.simple, one.widening) == (True, 2.0)
    two = fit([Sample(MIB, 5, 1.0), Sample(100 * MIB, 5, 9.1)], proportional=True)
    assert two.seconds(bytes=200 * MIB, files=5) == approx(20.0)  # the fixed cost of the small one is no rate
    assert two.widening == 1.5
    alike = fit([Sample(100 * MIB, 5, 10.0), Sample(101 * MIB, 5, 9.9), Sample(102 * MIB, 5, 9.8)], proportional=True)
    assert alike.simple
    assert alike.seconds(bytes=1000 * MIB, files=5) == approx(98, rel=0.02)  # not 10: that it shrank says nothing
    fixed = fit([Sample(100, 5, 10.0), Sample(100, 5, 30.0), Sample(100, 5, 20.0)], proportional=False)
    assert fixed.seconds(bytes=10**12, files=10**6) == 20.0
    assert fit([Sample(0, 0, 2.0)], proportional=True).seconds(bytes=5, files=5) == 2.0


# a plan


def whole(size: int = 100 * MIB, files: int = 10, *, names: Iterable[str] = ("here:/home",)) -> Any:  # noqa: ANN401
    members = [
        member(name, name.partition(":")[2] or "/x", artifacts=(Artifact("data", "tree", "t", "/x", Census(files, size)),))
        for name in names
    ]
    return manifest("documents", *members)


def restore(found: Any, *, cold: bool = False, form: str = "original", **changes: Any) -> Plan:  # noqa: ANN401
    chosen = policy(backup_set(**changes))
    return plan_restore(
        chosen,
        RestoreRequest(("documents",), Destination(form)),
        manifests={"documents": found},
        copies={"documents": ("offsite", "near")},
        now=NOW,
        declared=NOW,
        run="R",
        fresh_cache=cold,
    )


def measured(
    seconds: float,
    *,
    size: int = 100 * MIB,
    files: int = 10,
    at: datetime = NOW - 3 * DAY,
    run: str = "R1",
    step: str = "documents/restore/here:/home",
    **lane: Any,  # noqa: ANN401
) -> Measurement:
    body = {"action": "restore", "source": "here", "destination": "sandbox lab", "repository": "offsite", "cache": COLD, "kind": "tree"}
    return Measurement(Lane(**{**body, **lane}), size, files, seconds, at, run, step)


def other(action: str, seconds: float, *, kind: str = "", subject: str = "", **more: Any) -> Measurement:  # noqa: ANN401
    return measured(seconds, action=action, repository="", cache="", kind=kind, subject=subject, **more)


def told(plan: Plan, *known: Measurement) -> Forecast:
    found = forecast(plan, known)
    assert found is not None
    return found


def test_what_restores_nothing_has_no_forecast() -> None:
    assert forecast(Plan("prune", "R", "b", NOW, (Step("p", Prune("near"), ""),)), ()) is None
    assert isinstance(Done(), Done)


def test_without_a_measurement_there_is_no_forecast_and_it_says_so() -> None:
    found = told(restore(whole()), measured(10, repository="near"), measured(10, source="pi"), measured(10, kind="stream"))
    assert (found.p50_seconds, found.p90_seconds) == (None, None)
    assert found.reason == "nothing was ever restored from offsite to here"
    assert found.sets[0].met is None


def test_a_drill_forecasts_a_restore_and_the_words_say_that_it_did() -> None:
    found = told(
        restore(whole()),
        measured(10.0),
        other("cutover", 2.0, kind="tree", subject="here:/home"),
        other("ask", 1.0, kind="census", subject="documents/ask/census/here:/home"),
        other("place_hold", 2.0, source="", destination=""),
    )
    (each,) = found.sets
    assert (each.p50_seconds, each.p90_seconds) == (13.0, 26.0), "the pin is written beside the restore"
    assert (each.objective_seconds, each.met, each.unmeasured, each.simple) == (3600.0, True, (), True)
    assert spell_source(each, NOW) == "from 1 measurement, newest 3d old, cold, in sandbox lab"
    fetched = next(step for step in found.steps if "/restore/" in step.step)
    assert spell_source(fetched, NOW) == "from 1 measurement, newest 3d old, cold"
    assert decode(Forecast, encode(found)) == found


def test_cold_and_warm_are_told_apart() -> None:
    both = (measured(10.0), measured(1.0, cache=WARM, run="R2", destination="original"))
    assert told(restore(whole()), *both).p50_seconds == 1.0
    assert told(restore(whole(), cold=True), *both).p50_seconds == 10.0
    to_directory = told(restore(whole(), form="directory"), *both)
    assert (to_directory.p50_seconds, to_directory.sets[0].cache) == (1.0, WARM)
    only_cold = told(restore(whole()), measured(10.0, destination="directory"))
    assert spell_source(only_cold.sets[0], NOW).endswith("cold, to directory")
    assert told(restore(whole()), measured(9.0, destination="original"), measured(1.0)).p50_seconds == 9.0


def test_only_the_newest_measurements_of_a_lane_count() -> None:
    slow = [measured(100.0, at=NOW - 9 * DAY, run=f"S{number:02}") for number in range(5)]
    quick = [measured(10.0, at=NOW - DAY, run=f"Q{number:02}") for number in range(MOST)]
    found = told(restore(whole()), *quick, *slow)
    assert found.sets[0].measurements == MOST
    assert found.p90_seconds == approx(10.0 * (1 + 1 / MOST), abs=0.01)


def test_sizes_far_beyond_what_was_measured_have_no_forecast() -> None:
    assert "near that size" in told(restore(whole(801 * MIB)), measured(10.0)).reason
    assert "number of files" in told(restore(whole(files=8001)), measured(10.0)).reason
    assert told(restore(whole(800 * MIB, 8000)), measured(10.0)).p50_seconds == 80.0


def test_checks_and_hooks_that_were_never_measured_are_named() -> None:
    plan = restore(whole(), hooks=HOOKS, checks=CHECKS)
    hook = other("run_hook", 5.0, kind="before_restore", subject="documents/before_restore/1", destination="")
    census = other("ask", 1.0, kind="census", subject="documents/ask/census/elsewhere")
    command = other("ask", 100.0, kind="command", subject="photos/ask/command 1")
    found = told(plan, measured(10.0), hook, census, command, other("cutover", 0.5, kind="tree", subject="here:/etc"))
    assert found.p50_seconds == 16.5
    names = {step.id for step in plan.steps if step.id.startswith(("documents/after_restore", "documents/ask"))}
    names |= {step.id for step in plan.steps if step.id.startswith("documents/pin")}
    assert set(found.sets[0].unmeasured) == names - {"documents/ask/census/here:/home"}
    assert {step.step: step.p50_seconds for step in found.steps}["documents/before_restore/1"] == 5.0


def test_a_stream_is_poured_in_by_its_cutover() -> None:
    dump = member("billing", "/billing", artifacts=(Artifact("data", "stream", "t", "/billing", Census(1, 200 * MIB)),))
    known = (
        measured(10.0, source="billing", kind="stream"),
        other("cutover", 30.0, source="billing", kind="stream", subject="billing"),
    )
    assert told(restore(manifest("documents", dump)), *known).p50_seconds == 20.0 + 60.0


def test_a_set_waits_for_what_it_needs_and_is_unknown_with_it() -> None:
    chosen = policy(backup_set("base"), backup_set("web", needs=("base",)), drills={})
    plan = plan_restore(
        chosen,
        RestoreRequest(("web", "base"), Destination("original")),
        manifests={name: replace(whole(names=(f"{source}:/x",)), set=name) for name, source in (("base", "billing"), ("web", "here"))},
        copies={"web": ("offsite",), "base": ("offsite",)},
        now=NOW,
        declared=NOW,
        run="R",
    )
    known = (measured(10.0), measured(7.0, source="billing"))
    both = told(plan, *known)
    assert {each.set: each.p50_seconds for each in both.sets} == {"base": 7.0, "web": 17.0}
    assert both.p50_seconds == 17.0
    half = told(plan, known[0])
    assert [each.p50_seconds for each in half.sets] == [None, None]
    assert half.reason == "nothing was ever restored from offsite to billing"


def test_a_drill_counts_its_sandbox() -> None:
    chosen = policy()
    plan = plan_drill(
        chosen, chosen.drills["monthly"], manifests={"documents": whole()}, repository="offsite", now=NOW, declared=NOW, run="R"
    )
    assert told(plan, measured(10.0), other("reserve", 3.0)).p50_seconds == 13.0
    assert set(loads(plan)) == {step.id for step in plan.steps if not step.always}


def test_an_action_of_another_time_is_not_waited_for() -> None:
    plan = restore(whole())
    orphan = tuple(step for step in plan.steps if "/restore/" not in step.id)
    assert {load.lane.action for load in loads(replace(plan, steps=orphan)).values()} == {"ask", "place_hold"}


# what runs at once


def step(name: str, *, needs: tuple[str, ...] = (), uses: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> Step:
    return Step(name, Prune("near"), "", needs=needs, after=after, uses=uses)


def test_steps_run_at_once_within_the_limits() -> None:
    four = [step(name, uses=("repository:near",)) for name in "abcd"]
    seconds = dict.fromkeys("abcd", 10.0)
    assert ends_of(four, seconds, limits=Limits(4, 4)) == dict.fromkeys("abcd", 10.0)
    assert ends_of(four, seconds, limits=Limits(3, 4)) == {"a": 10.0, "b": 10.0, "c": 10.0, "d": 20.0}
    assert max(ends_of(four, seconds, limits=Limits(4, 1)).values()) == 40.0
    mixed = [*four, step("e", uses=("repository:offsite",))]
    assert ends_of(mixed, {**seconds, "e": 1.0}, limits=Limits(4, 1))["e"] == 1.0


def test_a_step_waits_for_what_it_needs_and_not_for_strangers() -> None:
    chain = [step("a"), step("b", needs=("a",), after=("a", "gone")), step("c", after=("b",)), step("d")]
    assert ends_of(chain, {"a": 1.0, "b": 2.0, "c": 3.0}, limits=Limits(4, 4)) == {"a": 1.0, "b": 3.0, "c": 6.0, "d": 0.0}


@given(some.lists(some.floats(0, 100), min_size=1, max_size=12), some.integers(1, 5))
def test_no_schedule_beats_its_longest_step_or_its_work(seconds: list[float], workers: int) -> None:
    steps = [step(str(number)) for number in range(len(seconds))]
    times = {str(number): each for number, each in enumerate(seconds)}
    end = max(ends_of(steps, times, limits=Limits(workers, workers)).values())
    assert end >= max(seconds) - 1e-6
    assert end >= sum(seconds) / workers - 1e-6
    assert end <= sum(seconds) / workers + max(seconds) + 1e-6


# from a listing alone


def known(*more: Measurement, held: int = 100 * MIB) -> Experience:
    content = Content("documents", "here:/home", "here", "files", "tree", held, 10, NOW)
    return Experience(measurements=(measured(10.0), *more), contents=(content,))


def of(chosen: Any, experience: Experience, *listings: Listing, **names: Any) -> Any:  # noqa: ANN401
    newest = newest_points({one.repository: one for one in listings}, now=NOW)
    return rto_forecasts(chosen, newest, experience, now=NOW, **names)


def test_each_copy_has_its_rto_forecast_stretched_to_its_newest_point() -> None:
    chosen = policy()
    newest = point("P2", bytes=200 * MIB, files=20, data=(DataSnapshot("i", "t", "here:/home", "P2"),))
    strangers = (point("P1", NOW - DAY), point("F", NOW + DAY), point("X", by="another"), point("H", complete=False))
    near, offsite = listing("near", (newest,)), listing("offsite", (*strangers, replace(newest, data=())))
    found = of(chosen, known(), near, offsite)["documents"]
    assert [(each.repository, each.forecast.p50_seconds, each.met) for each in found] == [("near", None, None), ("offsite", 20.0, True)]
    assert found[0].forecast.reason == "nothing was ever restored from near to here"
    assert worst(found) is found[1]
    assert worst(found[:1]) is None
    tight = policy(backup_set(objectives=replace(backup_set().objectives, rto=timedelta(seconds=39))))
    late = worst(of(tight, known(), near, offsite)["documents"])
    assert late is not None
    assert (late.met, late.forecast.p90_seconds) == (False, 40.0)


def test_what_is_not_known_of_a_point_is_not_guessed() -> None:
    strange = point("P2", bytes=200 * MIB, data=(DataSnapshot("i", "t", "here:/new", "P2"), DataSnapshot("j", "t", "here:/home", "P2")))
    (found,) = of(policy(), known(), listing("offsite", (strange,)), sets=("documents",))["documents"]
    assert "drtool plan restore documents" in found.forecast.reason
    (empty,) = of(policy(), replace(known(), contents=()), listing("offsite", (point("P"),)))["documents"]
    assert empty.forecast.p50_seconds is None
    (hollow,) = of(policy(), known(held=0), listing("offsite", (point("P", bytes=0, files=0),)))["documents"]
    assert hollow.forecast.p50_seconds == 0.0
    assert of(policy(), known(), listing("near"))["documents"] == ()


def test_listing_and_planning_count_as_they_do_for_the_objective() -> None:
    plan = restore(whole())
    steps = told(plan, measured(10.0))
    found = forecast(plan, [measured(10.0)], look_seconds=3.0)
    assert found is not None
    assert found.look_seconds == 3.0
    assert (steps.p50_seconds, steps.p90_seconds) == (10.0, 20.0)
    assert (found.p50_seconds, found.p90_seconds) == (13.0, 23.0)
    unknown = forecast(plan, [], look_seconds=3.0)
    assert unknown is not None
    assert unknown.p50_seconds is None


def test_from_each_copy_as_much_is_expected_for_it_as_earlier_recoveries_took() -> None:
    past = tuple(PastForecast(f"R{each}", "drill", "documents", NOW, 9.0, 12.0, 10.0, float(each)) for each in (0, 2, 3, 40))
    near = listing("offsite", [point("P", bytes=100 * MIB, files=10)])
    chosen = policy(backup_set(to="offsite", copies=()))
    (without,) = of(chosen, known(), near)["documents"]
    (found,) = of(chosen, replace(known(), past=past), near)["documents"]
    assert without.forecast.p50_seconds is not None
    assert found.forecast.p50_seconds == without.forecast.p50_seconds + 3.0
