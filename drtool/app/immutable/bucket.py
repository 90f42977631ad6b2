from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from drtool.app.composition import make_immutable_store
from drtool.app.runtime import Runtime
from drtool.app.working import writable_state
from drtool.catalog.known_locks import KnownLocks, known_locks
from drtool.catalog.memory import MemoryFolder
from drtool.model.errors import Refused, UnknownName
from drtool.model.memory import Memory
from drtool.ports import ImmutableStore, PackIndex


@dataclass(frozen=True, slots=True)
class BucketOfRepository:
    """One repository's bucket, its index, and what is known of it."""

    name: str
    store: ImmutableStore
    index: PackIndex
    known: KnownLocks
    promised: timedelta | None

    def require_promise(self) -> timedelta:
        """Return for how long locks are promised; Refused where nothing is."""
        if self.promised is None:
            raise Refused(
                f"nothing is promised of {self.name}, so nobody knows until when it is to be locked",
                hint=f"write `immutable: 30d` into the repository {self.name}: docs/immutable.md",
                safe="nothing was changed",
            )
        return self.promised


@contextlib.contextmanager
def bucket_of(runtime: Runtime, repository: str) -> Iterator[BucketOfRepository]:
    """Open the bucket of a repository of the policy."""
    policy = runtime.policy.repositories[repository]
    index = runtime.adapters.pack_index(repository)  # refused before any secret of a policy out of a repository is looked up
    store = make_immutable_store(policy, runtime.clock)
    accepted = max((each.at for each in known_there(runtime, repository).accepted), default=None)
    with closing(store), known_locks(writable_state(runtime), repository, now=runtime.clock.now(), accepted=accepted) as known:
        yield BucketOfRepository(repository, store, index, known, policy.immutable)


def known_there(runtime: Runtime, repository: str) -> Memory:
    """Return what this machine remembers of a repository."""
    return MemoryFolder(runtime.state_directory, runtime.policy.repositories).of(repository).read()


def locked_repository(runtime: Runtime, name: str | None) -> str:
    """Return the repository that is meant: by its name, or the only one with a promise, or the only one on S3."""
    found = runtime.policy.repositories.values()
    promised = [each.name for each in found if each.immutable is not None]
    on_s3 = promised or [each.name for each in found if each.address.location.startswith("s3:")]
    if name is None and len(on_s3) > 1:
        raise UnknownName("name a repository", hint=f"there are: {', '.join(on_s3)}")
    return runtime.repository_named(name or (on_s3[0] if on_s3 else None))
