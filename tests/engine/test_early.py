"""Addresses asked before anything is restored: what answers there then is not what was restored."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drtool.checks.http import HttpCheck
from drtool.checks.tcp import TcpCheck
from drtool.engine.actions.ask import ask_planned
from drtool.engine.adapters import Adapters
from drtool.model.plan import Answer, Ask, Done, Result
from drtool.model.policy import CheckPolicy, Policy
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HANDS = Adapters(Policy("test", "home", {}, {}, {}), {}, {}, {"tcp": TcpCheck(), "http": HttpCheck()}, FixedClock(), LocalRunner())
NOBODY = "127.0.0.1:1"
LATER = Ask(CheckPolicy("http", "http 1", settings={"url": f"http://{NOBODY}/"}), {}, NOW, before=f"early/{NOBODY}")


def early(address: str) -> Answer:
    check = CheckPolicy("tcp", address, settings={"address": address, "timeout": "5s"})
    return ask_planned(HANDS, Ask(check, {}, NOW, early=True), (), before=None)


def later(before: Result | None, action: Ask = LATER) -> Answer:
    return ask_planned(HANDS, action, (), before=before)


def test_nobody_is_right_before_anything_is_restored() -> None:
    answer = early(NOBODY)
    assert answer.passed
    assert "no answer" in later(answer).observed


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_answers_then_turns_the_check_red(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as service:
        port = service.getsockname()[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        answer = early(address)
    assert not answer.passed
    assert not answer.skipped
    assert f"something answered at {address} before anything was restored" in answer.observed
    assert "inside the sandbox" in answer.observed
    assert later(answer) == answer


@pytest.mark.parametrize("result", [None, Done("something else")])
def test_an_address_that_was_not_asked_before_is_red(result: Result | None) -> None:
    answer = later(result)
    assert not answer.passed
    assert "was not asked then" in answer.observed


def test_what_needs_no_early_answer_is_asked() -> None:
    assert "no answer" in later(None, replace(LATER, before="")).observed
