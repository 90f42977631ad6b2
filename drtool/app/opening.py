"""The library's front doors: a policy, a repository on a bare machine, or what this machine remembers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from drtool.app.facade import App
from drtool.app.kinds import KINDS
from drtool.app.runtime import Runtime
from drtool.engine.clock import SystemClock
from drtool.model.policy import Policy

if TYPE_CHECKING:
    from drtool.app.notary import Notary
    from drtool.catalog.index import Index
    from drtool.engine.session import Listener
    from drtool.model.standing import Adoption
    from drtool.process import Interrupt


def open_policy(
    policy: str | None = None,
    *,
    state_directory: str | None = None,
    listeners: Iterable[Listener] = (),
    binary: str | None = None,
    deadline_seconds: float | None = None,
    minds_power: bool = True,
) -> App:
    """Open the policy at a path, in $DRTOOL_POLICY, ./policies/ or /etc/drtool/; PolicyError lists every mistake."""
    from drtool.policy.find import find
    from drtool.policy.load import load, openings

    state = state_directory or default_state_directory(os.environ)
    places = find(policy, os.environ)
    loaded = load(places, KINDS, cache_directory=os.path.join(state, "policy"))
    runtime = make_runtime(loaded, state_directory=state, listeners=listeners, binary=binary, deadline_seconds=deadline_seconds)
    return App(replace(runtime, policy_places=places, openings=openings(places), minds_power=minds_power))


def policy_paths(policy: str | None) -> tuple[str, ...]:
    """Return by which full paths the policy that `open_policy` opens is named from anywhere; PolicyError where there is none."""
    from drtool.policy.find import find

    return tuple(map(os.path.abspath, find(policy, os.environ)))


def open_repository(
    location: str,
    password_file: str,
    *,
    state_directory: str | None = None,
    listeners: Iterable[Listener] = (),
    binary: str | None = None,
    trust_commands: bool = False,
    ssh_config: str = "",
    deadline_seconds: float | None = None,
    machine: str = "",
    asked: Sequence[str] = (),
) -> App:
    """Open a repository on a bare machine, with a key and nothing else: the policy is read from its newest manifests.

    Credentials are taken from the environment by name (AWS_* and the like). Nothing of that policy is run, connected to or
    looked up as a secret unless `trust_commands`. Where several machines or policies keep their points there, `machine` says whose,
    or the whole id of a point among those `asked` for; a set's name does only where one key signs for all.
    """
    from drtool.app.bootstrap import policy_from_repository

    found = policy_from_repository(
        location,
        os.path.abspath(password_file),
        os.environ,
        binary=binary or "restic",
        ssh_config=ssh_config,
        machine=machine,
        asked=asked,
    )
    runtime = make_runtime(
        found.policy,
        state_directory=state_directory or default_state_directory(os.environ),
        listeners=listeners,
        binary=binary,
        deadline_seconds=deadline_seconds,
        standing_in=found.of,
        called=found.called,
    )
    return App(as_bare(runtime, trust_commands=trust_commands), told=found.told, chosen_by=found.said)


def open_journals(*, state_directory: str | None = None) -> App:
    """Open what this machine itself remembers of its runs: there is no policy, and nothing else is known."""
    nothing = Policy("", "", {}, {}, {})
    return App(replace(make_runtime(nothing, state_directory=state_directory or default_state_directory(os.environ)), is_bare=True))


def as_bare(runtime: Runtime, *, trust_commands: bool = False) -> Runtime:
    """Return a runtime whose policy came out of a repository: it is data, and what is remembered of the repository is asked anew."""
    from drtool.app.bootstrap import given_to
    from drtool.app.origin import FromRepository, Operator

    runtime.index.forget()  # nobody knows how old it is
    return replace(runtime, origin=Operator() if trust_commands else FromRepository(given_to(runtime.policy)), is_bare=True)


def make_runtime(
    policy: Policy,
    *,
    state_directory: str,
    listeners: Iterable[Listener] = (),
    binary: str | None = None,
    deadline_seconds: float | None = None,
    standing_in: Adoption | None = None,
    called: str = "",
) -> Runtime:
    """Build what every verb works with; nothing is opened before a verb needs it."""
    clock = SystemClock()

    @cache
    def open_notary() -> Notary:
        from drtool.app.composition import make_notary

        notary = make_notary(policy, state_directory=state_directory, standing_in=standing_in)
        notary.called = called
        return notary

    @cache
    def open_index() -> Index:
        from drtool.catalog.index import Index

        return Index(state_directory, policy.repositories, judge=open_notary().judge)

    @cache
    def open_interrupt() -> Interrupt:
        from drtool.process import Interrupt

        return Interrupt()

    return Runtime(
        policy=policy,
        state_directory=state_directory,
        clock=clock,
        open_notary=open_notary,
        open_index=open_index,
        open_interrupt=open_interrupt,
        listeners=tuple(listeners),
        deadline=None if deadline_seconds is None else clock.monotonic() + deadline_seconds,
        binary=binary or "restic",
    )


def default_state_directory(environment: Mapping[str, str]) -> str:
    """Return $DRTOOL_STATE_DIR, $STATE_DIRECTORY, /var/lib/drtool for root, else $XDG_STATE_HOME/drtool."""
    for name in ("DRTOOL_STATE_DIR", "STATE_DIRECTORY"):
        if environment.get(name):
            return environment[name]
    if os.geteuid() == 0:
        return "/var/lib/drtool"
    home = environment.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "drtool")
