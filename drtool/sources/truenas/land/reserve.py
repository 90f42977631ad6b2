from __future__ import annotations

import contextlib
from typing import Final

from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.quantity import spell_bytes
from drtool.model.workload import Leftover
from drtool.ports import ReserveRequest
from drtool.sources.truenas.datasets.dataset import find_dataset, free_bytes, require_dataset
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.land.staging import remove_staging
from drtool.staging.marker import SANDBOX_MARKER
from drtool.staging.reserve import reserve as reserve_directory

SMALLEST_QUOTA: Final = 1024**3
"""The NAS takes no smaller one."""
_ROOM: Final = 2
"""What is restored may take more room than it was counted: small files, metadata, copies that checks make."""


def reserve(parts: Parts, request: ReserveRequest) -> Leftover:
    """Make a labelled, leased sandbox: a dataset with a quota, or a private directory of this host; Refused when it does not fit."""
    if request.settings.get("directory"):
        return reserve_directory(parts.owner, request=request)
    above = str(request.settings["dataset"])
    if find_dataset(parts.client, above) is None:
        if "/" not in above or find_dataset(parts.client, above.rpartition("/")[0]) is None:
            raise NotFound(f"{above} does not exist on {parts.name}", hint=f"make the dataset {above} on the NAS: sandboxes go below it")
        create_dataset(parts.client, above, {})
    free = free_bytes(parts.client, above)
    if free < request.bytes:
        raise Refused(
            f"{above} has {spell_bytes(free)} free and {spell_bytes(request.bytes)} are needed",
            hint=f"free space there, or name another dataset: sandboxes: {{{request.destination.sandbox}: {{{parts.name}: …}}}}",
            safe="nothing was written",
        )
    name = f"{above}/drtool-{request.run}-{parts.clock.fresh_id()}"
    label = parts.label("sandbox", request.run, request.expires.isoformat(), {"sandbox": request.destination.sandbox})
    create_dataset(parts.client, name, label.properties(name), {"quota": max(SMALLEST_QUOTA, _ROOM * request.bytes)})
    try:
        path = parts.file_access().keep(require_dataset(parts.client, name), run=request.run, expires=label.expires)
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            remove_staging(parts, name)  # a sandbox that could not be opened would wait for the end of its lease
        raise
    return Leftover(parts.name, "sandbox", path, request.run, parts.by, expires=label.expires, machine=label.machine)


def is_directory(parts: Parts, reserved: str) -> bool:
    """Tell whether a reserved sandbox is a directory of this host."""
    return bool(reserved) and parts.owner.file_system.exists(f"{reserved}/{SANDBOX_MARKER}")
