"""Where on this machine drtool keeps its own: what is asked of the file system about `drtool/planning/own.py`."""

from __future__ import annotations

import contextlib
import os

from drtool.model.errors import PolicyError
from drtool.model.lying import lies_in
from drtool.model.policy import Policy
from drtool.planning.own import OwnPlace, own_places
from drtool.policy.find import find


def places_of_our_own(policy: Policy, state_directory: str) -> tuple[OwnPlace, ...]:
    """Say where on this machine drtool keeps its own things, the policy where it is looked for."""
    found: tuple[str, ...] = ()
    with contextlib.suppress(PolicyError):
        found = find(None, os.environ)
    absolute = (os.path.abspath(path) for path in found)
    return own_places(policy, state_directory=os.path.abspath(state_directory), policy_paths=absolute)


def place_of_our_own(policy: Policy, state_directory: str, path: str) -> OwnPlace | None:
    """Return the place of our own on this machine that a path is or lies in, links followed; None: in none."""
    real = os.path.realpath(path)
    return next((each for each in places_of_our_own(policy, state_directory) if lies_in(real, os.path.realpath(each.path))), None)
