"""A bucket with objects named as restic names them, put there directly: what concerns the bucket alone needs no repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drtool.catalog.known_locks import KnownLocks
from drtool.engine.clock import SystemClock
from drtool.engine.immutable.audit import audit
from drtool.engine.immutable.recover import Recovery
from drtool.model.errors import Corrupt
from drtool.model.immutable import ImmutableAudit
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.repositories.s3.store import S3Store
from tests.immutable.locked_world import PREFIX, s3_client
from tests.rig.s3 import Identity, S3Server


class GivenIndex:
    """A PackIndex over what a test says; a file of the index that it does not know cannot be read."""

    name = "off"

    def __init__(self) -> None:
        self.files: dict[str, tuple[str, ...]] = {}
        self.read: list[str] = []
        self.trouble = ""

    def packs_in(self, index: str) -> Iterator[str]:
        self.read.append(index)
        if index not in self.files:
            raise Corrupt(f"the index {index[:8]} cannot be read")
        yield from self.files[index]

    def unsound(self, point: str = "") -> str:
        return self.trouble


class GivenSecrets:
    def resolve(self, reference: SecretReference) -> Secret:
        return Secret(reference.value)


@dataclass
class Shelf:
    """One bucket; `current` is what was put there by its owner and should be there."""

    server: S3Server
    bucket: str
    root: Path
    index: GivenIndex = field(default_factory=GivenIndex)
    bodies: dict[str, bytes] = field(default_factory=dict)
    clock: SystemClock = field(default_factory=SystemClock)

    def client(self, identity: Identity = "admin") -> Any:  # noqa: ANN401 - boto3 has no types
        return s3_client(self.server, identity)

    def put(self, part: str, body: bytes = b"") -> str:
        """Put an object of a part under the name of its content."""
        body = body or os.urandom(300)
        digest = hashlib.sha256(body).hexdigest()
        name = "config" if part == "config" else f"data/{digest[:2]}/{digest}" if part == "data" else f"{part}/{digest}"
        self.client().put_object(Bucket=self.bucket, Key=f"{PREFIX}/{name}", Body=body)
        self.bodies[name] = body
        return name

    def store(self, identity: Identity = "auditor", *, endpoint: str = "") -> S3Store:
        location = f"s3:{endpoint}/{self.bucket}/{PREFIX}" if endpoint else self.server.address(self.bucket, PREFIX)
        keys = {name: SecretReference("env", value) for name, value in self.server.environment(identity).items()}
        policy = RepositoryPolicy("off", Address(location, SecretReference("env", "NONE"), keys), "home")
        return S3Store(policy, secrets=GivenSecrets(), clock=self.clock)

    def known(self) -> KnownLocks:
        return KnownLocks(str(self.root), "off", now=datetime.now(UTC))

    def audit(self, promised: timedelta | None = timedelta(days=2), identity: Identity = "auditor") -> ImmutableAudit:
        with closing(self.known()) as known, closing(self.store(identity)) as store:
            return audit(store, self.index, known, clock=self.clock, promised=promised)

    def recovery(self, known: KnownLocks, since: datetime, identity: Identity = "admin") -> Recovery:
        return Recovery(self.store(identity), self.index, known, self.clock, since)

    def versions(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        page = self.client().list_object_versions(Bucket=self.bucket, Prefix=f"{PREFIX}/")
        return page.get("Versions", []), page.get("DeleteMarkers", [])

    def now_there(self) -> dict[str, bytes]:
        """What whoever asks by name is given, but for locks."""
        owner = self.client()
        names = [each["Key"] for each in self.versions()[0] if each["IsLatest"]]
        found = {name.removeprefix(f"{PREFIX}/"): bytes(owner.get_object(Bucket=self.bucket, Key=name)["Body"].read()) for name in names}
        return {name: body for name, body in found.items() if not name.startswith("locks/")}

    def dates(self) -> dict[str, datetime]:
        """Until when each version is locked, by name and version, as the server tells its owner."""
        owner, found = self.client(), {}
        for each in self.versions()[0]:
            told = owner.get_object_retention(Bucket=self.bucket, Key=each["Key"], VersionId=each["VersionId"])
            found[f"{each['Key'].removeprefix(f'{PREFIX}/')} {each['VersionId']}"] = told["Retention"]["RetainUntilDate"].astimezone(UTC)
        return found


def make_shelf(
    root: Path, server: S3Server, *, mode: str | None = "COMPLIANCE", days: int = 3, locking: bool = True, packs: int = 4
) -> Shelf:
    """Make a bucket with a repository's worth of objects: one of each, two snapshots, some packs, all of them in the index."""
    shelf = Shelf(server, f"shelf{abs(hash(root))}", root)
    owner = shelf.client()
    owner.create_bucket(Bucket=shelf.bucket, **({"ObjectLockEnabledForBucket": True} if locking else {}))
    if mode and locking:
        rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
        owner.put_object_lock_configuration(Bucket=shelf.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    names = [shelf.put("data") for _number in range(packs)]
    for part in ("config", "keys", "snapshots", "snapshots"):
        shelf.put(part)
    index = shelf.put("index")
    shelf.index.files[index.rpartition("/")[2]] = tuple(name.rpartition("/")[2] for name in names)
    return shelf
