from __future__ import annotations

import os

from drtool.app.keys.opening import require_open
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.engine.prove_key import prove_key
from drtool.model.key import KeyProof
from drtool.model.secret import SecretReference


def key_prove(runtime: Runtime, repository: str | None, file: str) -> KeyProof:
    """Open a repository with the key in a file and nothing else, read a manifest, and record that."""
    name, reference = runtime.repository_named(repository), SecretReference("file", os.path.abspath(file))
    with working(runtime):
        adapters = runtime.opened_with(name, reference).adapters
        used_key = require_open(adapters, name, reference, what="the proof")
        return prove_key(adapters.for_drill(used_key), name, used_key)
