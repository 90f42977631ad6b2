from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from drtool.model.errors import Refused
from drtool.model.hold import PIN, Hold
from drtool.ports import MountRequest, Repository
from drtool.repositories.append_only import AppendOnly


class LookOnly(AppendOnly):
    """A repository that was opened with nothing but its key: the policy inside it does not say what is stored, kept or forgotten there.

    It can be read and shown, evidence and holds can be appended, and pins of `own_runs`, those of this machine, can be released.
    """

    def __init__(self, repository: Repository, own_runs: Callable[[], frozenset[str]]) -> None:
        super().__init__(repository)
        self._own_runs = own_runs

    def _may_release(self, body: Hold) -> bool:
        return super()._may_release(body) or (body.kind == PIN and body.run in self._own_runs())

    def mount(self, request: MountRequest) -> None:
        self._repository.mount(request)

    def _refuse(self, verb: str) -> NoReturn:
        raise Refused(
            f"a policy that came out of the repository {self.name} may only have it read; it may not {verb}",
            hint="write a policy of your own for this repository, and use that",
            safe="nothing was changed",
        )
