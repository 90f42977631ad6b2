"""One machine whose only repository lies in a bucket with Object Lock, and a thief with the credentials of its runs."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from drtool.app.facade import App
from drtool.app.opening import open_policy
from tests.rig.cheap_key import make_cheap
from tests.rig.s3 import Identity, S3Server

PASSWORD = "only for this test"
PREFIX = "home/dr"


def s3_client(server: S3Server, identity: Identity) -> Any:  # noqa: ANN401 - boto3 has no types
    keys = server.environment(identity)
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, request_checksum_calculation="when_required"),
    )


@dataclass
class LockedWorld:
    """Everything below one directory; the tree has other files at each point, and a copy of each is kept beside."""

    root: Path
    binary: Path
    server: S3Server
    bucket: str
    trees: dict[str, Path] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        return self.root / "documents"

    def references(self, identity: Identity) -> dict[str, str]:
        found = {}
        for name, value in self.server.environment(identity).items():
            file = self.root / f"{identity}.{name}"
            file.touch(mode=0o600)
            file.write_text(value)
            found[name] = f"file:{file}"
        return found

    def policy(self, *, auditor: Identity = "auditor", promised: str | None = "2d", runs_as: Identity = "writer") -> Path:
        off = {
            "restic": self.server.address(self.bucket, PREFIX),
            "password": f"file:{self.root}/off.key",
            "environment": self.references(runs_as),
            "timeout": "20s",
        }
        if promised:
            off["immutable"] = {"at_least": promised, "environment": self.references(auditor)}
        body = {
            "drtool": 1,
            "name": "locked",
            "repositories": {"off": off},
            "sources": {"here": {"files": {}}},
            "sets": {"documents": {"protect": [{"here": {"paths": [str(self.tree)]}}], "to": "off", "keep": {"last": 9}}},
        }
        path = self.root / "policy.yaml"
        path.write_text(json.dumps(body))
        return path

    def app(self, **changes: Any) -> App:  # noqa: ANN401
        return open_policy(str(self.policy(**changes)), state_directory=str(self.root / "state"), binary=str(self.binary))

    def client(self, identity: Identity = "admin") -> Any:  # noqa: ANN401
        return s3_client(self.server, identity)

    def versions(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """All versions and all delete markers, as the server lists them."""
        page = self.client().list_object_versions(Bucket=self.bucket, Prefix=f"{PREFIX}/")
        assert not page["IsTruncated"]
        return page.get("Versions", []), page.get("DeleteMarkers", [])

    def current(self) -> dict[str, str]:
        """What whoever asks by name is given: the digest the server tells."""
        found = {each["Key"].removeprefix(f"{PREFIX}/"): each["ETag"] for each in self.versions()[0] if each["IsLatest"]}
        return {name: digest for name, digest in found.items() if not name.startswith("locks/")}

    def back_up(self, number: int) -> str:
        """Change the tree, store it, keep a copy of it, and return the point."""
        (self.tree / f"{number}.bin").write_bytes(os.urandom(30_000))
        (self.tree / "same.txt").write_text(f"the {number}th time\n")
        report = self.app().run()
        assert report.outcome == "succeeded", report
        point = str(report.sets[0].point)
        self.trees[point] = self.root / f"was-{number}"
        shutil.copytree(self.tree, self.trees[point])
        return point

    def restored(self, point: str, **changes: Any) -> dict[str, bytes]:  # noqa: ANN401
        """The files of a point as restic itself gives them."""
        import subprocess  # noqa: PLC0415

        environment = {**os.environ, **self.server.environment("reader"), "RESTIC_PASSWORD": PASSWORD}
        environment["RESTIC_REPOSITORY"] = self.server.address(self.bucket, PREFIX)
        target = self.root / f"restored-{point}"
        shutil.rmtree(target, ignore_errors=True)
        argv = [
            str(self.binary),
            "--no-cache",
            "--no-lock",
            "restore",
            "latest",
            "--tag",
            f"role=data,point={point}",
            "--target",
            str(target),
        ]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return contents(target / str(self.tree).lstrip("/"))


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def make_locked_world(
    root: Path, binary: Path, server: S3Server, *, points: int = 1, mode: str | None = "COMPLIANCE", days: int = 3, locking: bool = True
) -> LockedWorld:
    """Make the bucket as its owner, and the repository and its points with the credentials of runs, which may do nothing else there."""
    world = LockedWorld(root, binary, server, f"locked{abs(hash(root))}")
    owner = world.client()
    owner.create_bucket(Bucket=world.bucket, **({"ObjectLockEnabledForBucket": True} if locking else {}))
    if mode and locking:
        rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
        owner.put_object_lock_configuration(Bucket=world.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    world.tree.mkdir(parents=True)
    key = root / "off.key"
    key.touch(mode=0o600)
    key.write_text(PASSWORD)
    assert world.app().initialise().outcome == "succeeded"
    saved = {name: os.environ.get(name) for name in server.environment("writer")}
    os.environ.update(server.environment("writer"))
    make_cheap(server.address(world.bucket, PREFIX), PASSWORD)
    for name, value in saved.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    for number in range(points):
        world.back_up(number)
    return world


def steal(world: LockedWorld, *, identity: Identity = "writer") -> tuple[datetime, Counter[str]]:
    """Destroy what these credentials can: each version and each lock, the bucket's own rules, then every name, overwritten and deleted.

    Returns since when, and what was done and what was refused.
    """
    thief, done = world.client(identity), Counter[str]()
    import time  # noqa: PLC0415 - versions are dated in whole seconds

    time.sleep(1.2)
    since = datetime.now(UTC).replace(microsecond=0)

    def tried(what: str, call: Callable[[], object]) -> bool:
        try:
            call()
        except ClientError:
            done[f"refused: {what}"] += 1
            return False
        done[what] += 1
        return True

    versions, _markers = world.versions()
    for each in versions:
        place = {"Bucket": world.bucket, "Key": each["Key"], "VersionId": each["VersionId"]}
        sooner = {"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(seconds=5)}
        tried("a lock shortened", lambda place=place, sooner=sooner: thief.put_object_retention(**place, Retention=sooner))  # type: ignore[misc]
        tried("a version deleted", lambda place=place: thief.delete_object(**place))  # type: ignore[misc]
        tried("a version deleted by bypass", lambda place=place: thief.delete_object(**place, BypassGovernanceRetention=True))  # type: ignore[misc]
    tried("versioning suspended", lambda: thief.put_bucket_versioning(Bucket=world.bucket, VersioningConfiguration={"Status": "Suspended"}))
    tried(
        "the lock of the bucket changed",
        lambda: thief.put_object_lock_configuration(Bucket=world.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}),
    )
    tried("the bucket deleted", lambda: thief.delete_bucket(Bucket=world.bucket))
    for number, name in enumerate(sorted({each["Key"] for each in versions})):
        if number % 3:
            tried("a name overwritten", lambda name=name: thief.put_object(Bucket=world.bucket, Key=name, Body=os.urandom(100)))  # type: ignore[misc]
        if number % 2:
            tried("a name deleted", lambda name=name: thief.delete_object(Bucket=world.bucket, Key=name))  # type: ignore[misc]
            if not number % 4:
                tried("a name deleted", lambda name=name: thief.delete_object(Bucket=world.bucket, Key=name))  # type: ignore[misc]
        if number % 3 == 0:
            tried("a name deleted", lambda name=name: thief.delete_object(Bucket=world.bucket, Key=name))  # type: ignore[misc]
    for part in ("index", "snapshots", "keys", "locks"):
        planted = f"{PREFIX}/{part}/{os.urandom(32).hex()}"
        tried("a name planted", lambda planted=planted: thief.put_object(Bucket=world.bucket, Key=planted, Body=b"{}"))  # type: ignore[misc]
    return since, done
