"""Where on this machine drtool keeps its own: what is asked of the file system about `drtool/planning/own.py`."""

from __future__ import annotations

import contextlib
import os

from drtool.model.errors import PolicyError
from drtool.model.lying import lies_in
from drtool.model.policy import Policy
from drtool.planning.own import KEY, OwnPlace, own_places
from drtool.policy.find import find
from drtool.secrets.keyfile import beside


def places_of_our_own(policy: Policy, state_directory: str) -> tuple[OwnPlace, ...]:
    """Say where on this machine drtool keeps its own things, the policy where it is looked for."""
    found: tuple[str, ...] = ()
    with contextlib.suppress(PolicyError):
        found = find(None, os.environ)
    absolute = (os.path.abspath(path) for path in found)
    own = own_places(policy, state_directory=os.path.abspath(state_directory), policy_paths=absolute)
    keys = (path for each in own if each.what == KEY for path in (each.path, os.path.realpath(each.path)))
    return (*own, *(OwnPlace(KEY, path) for path in dict.fromkeys(path for key in keys for path in beside(key))))


def place_of_our_own(policy: Policy, state_directory: str, path: str) -> OwnPlace | None:
    """Return the place of our own on this machine that a path is or lies in, links followed; None: in none."""
    real = os.path.realpath(path)
    return next((each for each in places_of_our_own(policy, state_directory) if lies_in(real, os.path.realpath(each.path))), None)
