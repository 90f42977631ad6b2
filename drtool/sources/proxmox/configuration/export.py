from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

from drtool.model.errors import Corrupt
from drtool.model.workload import Snapshot
from drtool.ports import Export
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.configuration.gather import gather
from drtool.sources.proxmox.configuration.verify import verify
from drtool.staging.gathered import lay_down
from drtool.staging.marker import Owner

_NAMED: Final = 20
_LONGEST: Final = 600


@contextlib.contextmanager
def export_configuration(client: ApiClient, owner: Owner, snapshot: Snapshot, *, directory: str) -> Iterator[Export]:
    """Read the configuration of a cluster, look at it, and offer it as a directory of this machine, which goes when this is closed.

    What could not be read is told by name. Raises Corrupt when what the cluster told cannot be all of it although nothing was named.
    """
    gathered = gather(client)
    content = gathered.content()
    looked = verify(content)
    if looked.problems:
        raise Corrupt(
            f"the configuration of {client.source} is not whole: {'; '.join(looked.problems[:_NAMED])}",
            hint=f"look what answers there: drtool doctor {client.source}",
            safe="it was not stored",
        )
    lacks = _named(f"{file}: {why}" for file, why in sorted(gathered.part.missing.items()))
    hint = f"write `staging: DIRECTORY` into {client.source}, one that this user may write to"
    with lay_down(owner, snapshot, content, directory=directory, lacks=lacks, told=_named(gathered.changed), hint=hint) as export:
        yield export


def _named(told: Iterable[str]) -> tuple[str, ...]:
    """Return the first of what is told, a bounded line each; the index tells of all."""
    lines = [each[:_LONGEST] for each in told]
    more = [f"and {len(lines) - _NAMED} more: index.json names them"] if len(lines) > _NAMED else []
    return (*lines[:_NAMED], *more)
