"""What the timers of a policy have to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.model.errors import Unscheduled
from drtool.model.kind import KindFacts
from drtool.model.policy import Address, CheckPolicy, Hook, Hooks, NotifierPolicy, Policy, Protect, SourcePolicy, VerifyPolicy
from drtool.model.secret import SecretReference
from drtool.planning.own import own_places
from drtool.planning.timers import STEPS, calls_of, names_of, needs_more, offset_of, writable
from tests.planning.planning_values import backup_set, policy, repository

FACTS = {"files": KindFacts(directories=True), "nas": KindFacts(), "stream": KindFacts(runs={"command": "the command"})}
KEYS: dict[str, SecretReference | str] = {"A": SecretReference("credential", "s3"), "B": "plain"}
QUIET = replace(backup_set(), schedule=None)


def of(*sets: object, **changes: object) -> Policy:
    return policy(*(sets or (QUIET,)), **{"drills": {}, **changes})  # type: ignore[arg-type]


def test_only_calls_that_can_find_something_due_are_made() -> None:
    assert calls_of(of(backup_set())) == ("run",)
    assert calls_of(policy(QUIET)) == ("drill",)
    assert calls_of(policy()) == ("run", "drill")
    near = replace(repository("near"), verify=VerifyPolicy("0 6 * * *", timedelta(days=6)))
    assert calls_of(of(repositories={"near": near, "offsite": repository("offsite")})) == ("run",)
    with pytest.raises(Unscheduled, match="nothing in the policy has a schedule"):
        calls_of(of())


@given(st.text(min_size=1), st.text(), st.sampled_from(STEPS))
def test_a_machine_calls_at_the_same_time_of_each_turn(name: str, machine: str, every: int) -> None:
    assert offset_of(name, machine=machine, every_seconds=every) == offset_of(name, machine=machine, every_seconds=every) in range(every)


def test_a_hundred_machines_ask_at_different_times() -> None:
    offsets = [offset_of("home", machine=f"machine-{number}", every_seconds=300) for number in range(100)]
    assert len(set(offsets)) > 70
    assert all(sum(low <= each < low + 60 for each in offsets) < 40 for low in range(0, 300, 60))


def test_secrets_are_named_wherever_they_are_referred_to() -> None:
    of_all = of(
        repositories={"near": replace(repository("near"), address=Address("s3:x", SecretReference("env", "PASSWORD"), KEYS))},
        notify=(NotifierPolicy("webhook", "webhook 1", {"url": "credential:hook", "headers": {"X": "credential:token"}}),),
        evidence_key=SecretReference("credential", "evidence"),
    )
    assert names_of(of_all, "credential") == ("evidence", "hook", "s3", "token")
    assert names_of(of_all, "env") == ("PASSWORD",)


@pytest.mark.parametrize(
    ("commands", "changes"),
    [
        (False, {}),
        (True, {"hooks": Hooks(before=(Hook(("true",), "here"),))}),
        (True, {"hooks": Hooks(on_failure=(Hook(("true",), "here"),))}),
        (True, {"checks": (CheckPolicy("command", "answers"),)}),
        (False, {"checks": (CheckPolicy("files", "enough"),)}),
    ],
)
def test_where_the_policy_needs_more_everything_may_be_written(commands: bool, changes: dict[str, object]) -> None:  # noqa: FBT001 - a row
    wanted = of(replace(QUIET, **changes), sources={"here": SourcePolicy("here", "files", "home")})  # type: ignore[arg-type]
    assert needs_more(wanted, FACTS) is commands
    assert (writable(wanted, own_places(wanted, state_directory="/state"), FACTS) is None) is commands


def test_a_program_that_is_stored_and_a_secret_from_one_are_commands() -> None:
    assert needs_more(of(sources={"billing": SourcePolicy("billing", "stream", "home", {"command": ["pg_dump"]})}), FACTS)
    assert needs_more(of(sources={"nas": SourcePolicy("nas", "nas", "home")}), FACTS), "what it shares is mounted here"
    assert needs_more(of(evidence_key=SecretReference("command", "pass show x")), FACTS)


@pytest.mark.parametrize("canary", [True, False])
def test_a_folder_with_a_canary_is_written_and_one_elsewhere_or_without_is_not(canary: bool) -> None:  # noqa: FBT001 - a row
    sets = replace(
        QUIET, protect=(Protect("here", {"paths": ["/home", "/srv/a b"], "canary": canary}), Protect("here", {"paths": ["/etc"]}))
    )
    wanted = of(sets, sources={"here": SourcePolicy("here", "files", "home")})
    found = writable(wanted, own_places(wanted, state_directory="/state"), FACTS) or ()
    assert set(found) & {"/home", "/srv/a b", "/etc"} == ({"/home", "/srv/a b"} if canary else set())


def test_what_is_written_is_the_state_repositories_sandboxes_and_numbers_and_no_key() -> None:
    near = replace(repository("near"), address=Address("/srv/near", SecretReference("file", "/k")))
    wanted = of(
        repositories={"near": near},
        sources={"here": SourcePolicy("here", "files", "home")},
        notify=(NotifierPolicy("metrics", "metrics 1", {"directory": "/var/lib/numbers"}),),
        sandboxes={"lab": replace(policy().sandboxes["lab"], places={"here": {"directory": "/var/lab"}})},
    )
    assert writable(wanted, own_places(wanted, state_directory="/state"), FACTS) == ("/srv/near", "/state", "/var/lab", "/var/lib/numbers")
