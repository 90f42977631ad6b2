from __future__ import annotations

import hashlib
import json

from drtool.checks.subject import ENVIRONMENT, Subject
from drtool.model.carried import CarriedPaths, CarriedRecord
from drtool.model.codec import decode
from drtool.model.command import Command


def carried_paths(subject: Subject) -> CarriedPaths | None:
    """Return what of a restored tree was in service before and is not of the point; None: nothing, or nothing that is known."""
    carried = subject.restored.carried
    if carried is None:
        return None
    body = subject.runner.run(Command(("cat", "--", carried.record), environment=ENVIRONMENT)).standard_output
    if hashlib.sha256(body).hexdigest() != carried.sha256:
        return None
    return CarriedPaths(decode(CarriedRecord, json.loads(body)))
