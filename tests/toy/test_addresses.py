"""Where a platform says that something is: believed within bounds, asked there by `tcp` and `http`, and not asked where nobody says it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drtool.checks import schema
from drtool.checks.http import HttpCheck
from drtool.checks.placed import ask_placed
from drtool.checks.tcp import TcpCheck
from drtool.checks.web import is_of_this_machine
from drtool.model.address import MOST_ADDRESSES, as_host, usable_addresses
from drtool.model.plan import Answer, Ask
from drtool.model.policy import CheckPolicy, DrillPolicy
from drtool.planning.drill import plan_drill
from drtool.planning.implied_checks import address_of, is_placed
from drtool.ports import Check, Inspection, Question
from drtool.runners.local import LocalRunner
from tests.planning.planning_values import NOW, backup_set, manifest, policy
from tests.toy.house import House, build
from tests.toy.test_start import RESTORED

HOSTILE = (
    *("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "169.254.1.1", "fe80::1", "fe80::1%eth0"),  # noqa: S104
    *(
        "",
        "10.0.0.1:80",
        "http://10.0.0.1/",
        "10.0.0.1\n",
        "10.0.0.01",
        "production.example.org",
        "10.0.0.1 -o x",
        "1" * 5000,
        "255.255.255.255",
    ),
)
ELSEWHERE = "192.0.2.7"


def test_what_cannot_be_the_address_of_another_machine_is_not_believed() -> None:
    assert usable_addresses(HOSTILE) == ()
    assert usable_addresses((7, None, b"10.0.0.1")) == ()  # type: ignore[arg-type]  # words from outside may be none
    assert usable_addresses(("::ffff:10.0.0.1", "10.0.0.1", "2001:DB8::1")) == ("10.0.0.1", "2001:db8::1")
    assert len(usable_addresses(f"10.0.{high}.{low}" for high in range(256) for low in range(256))) == MOST_ADDRESSES


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(), st.ip_addresses().map(str))))
def test_whatever_is_told_only_few_addresses_come_out(told: list[str]) -> None:
    believed = usable_addresses(told)
    assert len(believed) <= MOST_ADDRESSES
    assert not any(ipaddress.ip_address(each).is_loopback for each in believed)
    assert usable_addresses(believed) == believed


def question(check: str, addresses: tuple[str, ...], **settings: object) -> Question:
    keys = schema.CHECKS[check].model_validate(settings).model_dump(mode="json", exclude={"level"})
    inspection = Inspection(up=True, runner=LocalRunner(), addresses=addresses)
    return Question(CheckPolicy(check, check, settings=keys), (RESTORED,), {RESTORED.workload: inspection}, NOW, NOW)


CHECKS = [(TcpCheck(), {"address": "{address}:9", "timeout": "1s"}), (HttpCheck(), {"url": "http://{address}:9/x", "timeout": "1s"})]


@pytest.mark.parametrize(("check", "settings"), CHECKS)
def test_where_no_address_is_told_nothing_is_asked(check: Check, settings: dict[str, str]) -> None:
    answer = check.ask(question(check.kind, (), **settings))
    assert (answer.passed, answer.skipped) == (False, "no address is told of here:1")


@pytest.mark.parametrize(("check", "settings"), CHECKS)
def test_this_machine_is_never_taken_for_what_was_restored(check: Check, settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = str(server.getsockname()[1])
        placed = {key: value.replace(":9", f":{port}") for key, value in settings.items()}
        answer = check.ask(question(check.kind, ("127.0.0.2",), **placed))
    assert not answer.passed
    assert "this machine's own" in answer.skipped
    assert is_of_this_machine("127.0.0.2")
    assert not is_of_this_machine(ELSEWHERE)


@pytest.mark.parametrize(("check", "settings"), CHECKS)
def test_it_is_asked_at_the_address_that_is_told(check: Check, settings: dict[str, str]) -> None:
    answer = check.ask(question(check.kind, (ELSEWHERE,), **settings))
    assert not answer.passed
    assert f"at {ELSEWHERE}:" in answer.observed


def test_the_first_address_that_answers_is_the_answer() -> None:
    asked: list[tuple[str, float]] = []

    def ask(place: str, seconds: float) -> Answer:
        asked.append((place, seconds))
        silent = "10.0.0.1" in place
        return Answer(passed=not silent, expected="", observed="said", compared=1, silent=silent)

    told = question("tcp", ("10.0.0.1", "2001:db8::1", "10.0.0.3"), address="{address}:9")
    answer = ask_placed(told, "{address}:9", seconds=60.0, ask=ask)
    assert asked == [("10.0.0.1:9", 20.0), ("[2001:db8::1]:9", 20.0)]
    assert (answer.passed, answer.observed) == (True, "at 2001:db8::1: said")
    assert as_host("10.0.0.1") == "10.0.0.1"


def test_silence_outweighs_an_address_that_cannot_be_asked() -> None:
    answers = {"10.0.0.1:9": Answer(False, "", "no route", skipped="no route"), "10.0.0.2:9": Answer(False, "", "nobody", 1, silent=True)}
    told = question("tcp", ("10.0.0.1", "10.0.0.2"), address="{address}:9")
    assert ask_placed(told, "{address}:9", seconds=1.0, ask=lambda place, _seconds: answers[place]).silent


def test_everything_that_was_restored_has_to_answer() -> None:
    other = replace(RESTORED, workload="here:2")
    told = question("tcp", ("10.0.0.1",), address="{address}:9")
    both = replace(told, restored=(RESTORED, other), inspections={**told.inspections, "here:2": Inspection(True, LocalRunner())})
    answer = ask_placed(both, "{address}:9", seconds=1.0, ask=lambda _place, _seconds: Answer(True, "", "said", 1))
    assert answer.skipped == "no address is told of here:2"


@pytest.mark.parametrize(
    ("check", "settings"),
    [
        ("tcp", {"address": "{adress}:80"}),
        ("tcp", {"address": "web-{address}:80"}),
        ("http", {"url": "http://{host}/"}),
        ("http", {"url": "http://{address}.example.org/"}),
        ("http", {"url": "http://me@{address}/"}),
        ("http", {"url": "http://web.example.org/health/{address}"}),
        ("http", {"url": "http://{address}:8080/?host={address}"}),
        ("http", {"url": "http://web.example.org/#{address}"}),
    ],
)
def test_a_placeholder_that_nobody_fills_in_is_refused(check: str, settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="stands for the whole host"):
        schema.CHECKS[check].model_validate(settings)
    schema.CHECKS["http"].model_validate({"url": "http://{address}:8080/{x}"})


def test_nobody_is_asked_there_before_anything_is_restored() -> None:
    placed = CheckPolicy("tcp", "tcp 1", settings={"address": "{address}:80"})
    fixed = CheckPolicy("tcp", "tcp 2", settings={"address": "10.0.0.1:80"})
    assert [(address_of(each), is_placed(each)) for each in (placed, fixed)] == [("{address}:80", True), ("10.0.0.1:80", False)]
    chosen = policy(backup_set(checks=(placed, fixed)))
    plan = plan_drill(
        chosen,
        DrillPolicy("proof", ("documents",), "offsite", "lab"),
        manifests={"documents": manifest()},
        repository="offsite",
        now=NOW,
        declared=NOW,
        run="01RUN",
    )
    asks = [step for step in plan.steps if isinstance(step.action, Ask)]
    assert [step.id for step in asks if isinstance(step.action, Ask) and step.action.early] == ["early/10.0.0.1:80"]
    assert not [note for note in plan.notes if "{address}" in note]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return build(tmp_path, monkeypatch, {})


def test_a_drill_asks_where_the_platform_says_and_nowhere_else(house: House) -> None:
    toys = house.open(checks=[{"tcp": {"of": "cluster:1", "address": "{address}:9", "timeout": "1s"}}])
    toys.initialise()
    assert toys.run().outcome == "succeeded"
    house.racks["cluster"].addresses["1"] = HOSTILE
    hostile = toys.drill(["proof"])
    (answer,) = [check for check in hostile.sets[0].checks if check.kind == "tcp"]
    assert answer.skipped == "no address is told of cluster:1"
    assert hostile.outcome != "succeeded"
    house.racks["cluster"].addresses["1"] = (*HOSTILE, ELSEWHERE)
    (answer,) = [check for check in toys.drill(["proof"]).sets[0].checks if check.kind == "tcp"]
    assert answer.observed.startswith(f"at {ELSEWHERE}: ")
