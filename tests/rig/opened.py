"""What a policy's verbs work with, made as its front doors make it: for tests that look behind the verbs."""

from __future__ import annotations

import os
from pathlib import Path

from drtool.app.bootstrap import policy_from_repository
from drtool.app.facade import App
from drtool.app.opening import as_bare, make_runtime
from drtool.app.runtime import Runtime


def runtime_of(app: App, binary: str | Path = "restic") -> Runtime:
    """A fresh one for the policy and the state of an app: nothing that one of them remembers is known to the other."""
    made = make_runtime(app.policy, state_directory=app.state_directory, binary=str(binary))
    return as_bare(made) if app.is_bare else made


def bare_runtime_of(location: str, password_file: str, *, state_directory: str, binary: str | Path) -> Runtime:
    """What the verbs of a bare machine work with."""
    found = policy_from_repository(location, password_file, os.environ, binary=str(binary))
    return as_bare(make_runtime(found.policy, state_directory=state_directory, binary=str(binary), standing_in=found.of))
