"""Reads a manifest by its id alone, for who compares its digest with what a listing tells later."""

from __future__ import annotations

import re

from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.labels import MANIFEST_NAME


def read_unlisted(client: ResticClient, snapshot: str) -> bytes:
    """Return the bytes of a manifest; NotFound where they do not come, as restic has several words for a snapshot that is gone."""
    try:
        if re.fullmatch(r"[0-9a-f]{64}", snapshot):
            return client.run(Call(commands.dump(snapshot, MANIFEST_NAME), "read a record")).standard_output
    except (Corrupt, Refused) as error:
        raise NotFound(error.what, hint="drtool points --refresh") from None
    raise NotFound(f"{snapshot} is no record of drtool in the repository {client.name}", hint="drtool points --refresh")
