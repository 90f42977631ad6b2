"""The PackIndex port over restic: what its index tells of packs, and whether everything it needs is listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from drtool.model.errors import DrtoolError, Refused
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.check import snapshots_of
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import last_words
from drtool.repositories.restic.output import parse_document, words
from drtool.repositories.restic.repository import ResticRepository

_PACK: Final = re.compile(r"[0-9a-f]{64}")
_FAILED: Final = 1


class ResticIndex:
    """Opens the repository as the given one does."""

    def __init__(self, repository: ResticRepository) -> None:
        self.name = repository.name
        self._repository = repository

    @property
    def _client(self) -> ResticClient:
        return self._repository.client

    def packs_in(self, index: str) -> Iterator[str]:
        if _PACK.fullmatch(index) is None:
            raise Refused(f"{self.name} has no index of such a name", hint=f"drtool doctor {self.name}")
        completed = self._client.run(Call(commands.show_index(index), "read its index"))
        try:
            packs = [str(each["id"]) for each in parse_document(completed.standard_output)["packs"]]
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"the index {index[:8]} of {self.name} cannot be read: {error}", hint=f"drtool doctor {self.name}") from None
        if not all(map(_PACK.fullmatch, packs)):
            raise Refused(f"the index {index[:8]} of {self.name} names what is no pack", hint=f"drtool doctor {self.name}")
        yield from packs

    def unsound(self, point: str = "") -> str:
        """Ask restic's `check`, which reads the index, the list of packs and every tree; no data."""
        snapshots = snapshots_of(self._client, point) if point else ()
        call = Call(commands.check_structure(snapshots), "check what is there", accept=(0, _FAILED))
        try:
            completed = self._client.run(call)
        except Refused:
            raise
        except DrtoolError as error:
            return error.what
        return "" if completed.exit_code == 0 else last_words(words(completed))
