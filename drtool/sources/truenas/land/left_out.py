from __future__ import annotations

import shlex
from typing import Final

from drtool.model.errors import Refused
from drtool.ports import LandRequest
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.inventory.parts import Parts

_KEYS: Final = {"exclude": "exclude_files", "exclude_caches": "exclude_caches"}


def refuse_what_stays_behind(parts: Parts, request: LandRequest) -> None:
    """Refuse to exchange a dataset of which rules left files out: those lie in the old dataset, and no rename leads from one to another.

    Nothing is looked at in the dataset itself, as a plan may not share it.
    """
    selector = request.member.selector
    rules = [said for key, said in _KEYS.items() if selector.get(key)]
    if request.destination.form != "original" or request.paths or request.leave_excluded or not rules:
        return
    name = str(selector["dataset"])
    if find_dataset(parts.client, name) is None:
        return
    workload = shlex.quote(request.member.workload)
    raise Refused(
        f"{name} was stored without what {' and '.join(rules)} leave out: what is there of that would stay in the old dataset,"
        " out of service, as nothing is renamed from one dataset into another",
        hint=f"put folders back: drtool restore SET --workload {workload} --path FOLDER; or leave it aside: --leave-excluded",
        safe=f"{name} is untouched",
    )
