"""The ImmutableStore port over S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from drtool.model.errors import Conflict, DrtoolError, Refused
from drtool.model.immutable import COMPLIANCE, GOVERNANCE, BucketLock, History, Lock, ObjectVersion
from drtool.model.policy import RepositoryPolicy
from drtool.ports import Clock, SecretStore
from drtool.repositories.s3.client import Bucket, gone, open_bucket
from drtool.repositories.s3.guarantees import read_guarantees
from drtool.repositories.s3.listing import histories

_CHUNK: Final = 2**20
_UNLOCKED: Final = ("NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "InvalidRequest")


class S3Store:
    """One repository's bucket, opened at the first question, with the credentials that `immutable:` names, or those of the repository."""

    def __init__(self, policy: RepositoryPolicy, *, secrets: SecretStore, clock: Clock) -> None:
        self.name = policy.name
        self._foreign: dict[str, int] = {}
        self._policy = policy
        self._secrets = secrets
        self._clock = clock

    @property
    def requests(self) -> int:
        return self._bucket.session.requests

    @property
    def foreign(self) -> int:
        return sum(self._foreign.values())

    def bucket(self) -> BucketLock:
        return read_guarantees(self._bucket, now=self._clock.now())

    def histories(self, part: str) -> Iterator[History]:
        self._foreign[part], last = 0, ""

        def count(foreign: int) -> None:
            self._foreign[part] += foreign

        for history in histories(self._bucket, part, on_foreign=count):
            if history.name <= last:  # what comes twice would be two objects, each with a part of its versions
                raise Conflict(f"the listing of {self.name} is not in order at {history.name}", hint="is that an S3 server?")
            last = history.name
            yield history

    def lock_of(self, name: str, version: str) -> Lock | None:
        try:
            answer = self._bucket.call("get_object_retention", Key=self._key(name), VersionId=version)
        except DrtoolError as error:
            if gone(error, *_UNLOCKED):
                return None
            raise
        found = answer.get("Retention") or {}
        mode, until = found.get("Mode"), found.get("RetainUntilDate")
        if mode not in (COMPLIANCE, GOVERNANCE) or not isinstance(until, datetime):
            return None
        return Lock(str(mode), until.astimezone(UTC))

    def extend(self, name: str, version: str, lock: Lock) -> None:
        retention = {"Mode": lock.mode, "RetainUntilDate": lock.until}
        self._bucket.call("put_object_retention", Key=self._key(name), VersionId=version, Retention=retention)

    def content(self, name: str, version: ObjectVersion) -> str:
        answer = self._bucket.call("get_object", Key=self._key(name), VersionId=version.id)
        digest, read = hashlib.sha256(), 0
        with closing(answer["Body"]) as body:
            while chunk := self._chunk(body):
                read += len(chunk)
                if read > version.size:
                    raise Conflict(f"{self.name}: {name} is longer than it was listed", hint="is that an S3 server?")
                digest.update(chunk)
        return digest.hexdigest()

    def uncover(self, name: str, marker: str) -> None:
        answer = self._bucket.call("delete_object", Key=self._key(name), VersionId=marker)
        if not answer.get("DeleteMarker"):
            raise Conflict(f"{self.name}: what was removed of {name} was called a delete marker, and the server says it was none")

    def bring_back(self, name: str, version: ObjectVersion) -> None:
        key = self._key(name)
        source = {"Bucket": self._bucket.bucket, "Key": key, "VersionId": version.id}
        self._bucket.call("copy_object", Key=key, CopySource=source)

    def set_aside(self, name: str) -> None:
        self._bucket.call("delete_object", Key=self._key(name))

    def close(self) -> None:
        if "_bucket" in vars(self):
            self._bucket.session.close()

    def _chunk(self, body: object) -> bytes:
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - heavy
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            return bytes(body.read(_CHUNK))  # type: ignore[attr-defined]
        except (BotoCoreError, HTTPError, OSError) as error:
            raise Refused(
                f"{self.name} ended in the middle of an object: {type(error).__name__}", hint="the same command goes on"
            ) from None

    def _key(self, name: str) -> str:
        return self._bucket.prefix + name

    @cached_property
    def _bucket(self) -> Bucket:
        return open_bucket(self.name, self._policy.address, self._policy.auditor or self._policy.address.environment, self._secrets)
