from __future__ import annotations

from typing import NoReturn

from drtool.model.errors import Refused
from drtool.ports import MountRequest
from drtool.repositories.append_only import AppendOnly


class LookOnly(AppendOnly):
    """A repository that was opened with nothing but its key: the policy inside it does not say what is stored, kept or forgotten there.

    It can be read and shown, and evidence and holds can be appended.
    """

    def mount(self, request: MountRequest) -> None:
        self._repository.mount(request)

    def _refuse(self, verb: str) -> NoReturn:
        raise Refused(
            f"a policy that came out of the repository {self.name} may only have it read; it may not {verb}",
            hint="write a policy of your own for this repository, and use that",
            safe="nothing was changed",
        )
