# ruff: noqa: ANN401, TRY301, FBT001 - it answers whatever it is asked
"""A small server that speaks TrueNAS's protocol over TLS and keeps its datasets in directories: enough to try the client against.

A witness holds all that goes through it against the table of calls, as with the appliance.
"""

from __future__ import annotations

import datetime as dt
import errno
import io
import json
import os
import shutil
import sqlite3
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.rig.truenas_models import Witness

KEY = "1-" + "k" * 64


class CallError(Exception):
    def __init__(self, number: int, reason: str, code: int = -32001) -> None:
        super().__init__(reason)
        self.number, self.reason, self.code = number, reason, code


def certificate(directory: Path, names: list[str]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "truenas")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, private = directory / "nas.pem", directory / "nas.key"
    pem.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return pem, private


class SmallNas:
    """A NAS whose answers a test can spoil.

    `fault` is asked before and after each call: `(method, "before"|"after") -> None | "cut"`, or it raises CallError. `instead` is asked
    what to send in place of an answer, given its method and the id of the request as JSON; None sends the answer.
    """

    def __init__(self, directory: Path, *, names: list[str] | None = None, old: bool = False) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.root = directory / "mnt"
        self.side = directory / "side"
        self.datasets: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.jobs: dict[int, tuple[str, bytes]] = {}
        self.calls: list[tuple[str, Any]] = []
        self.fault: Callable[[str, str], str | None] = lambda _method, _when: None
        self.instead: Callable[[str, str], list[str] | None] = lambda _method, _identity: None
        self.old = old
        self.witness = Witness()
        self.lock = threading.RLock()
        self.seed = b"seed"
        self.keys: dict[str, str] = {}
        self.ca, private = certificate(directory, names or ["localhost"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, private)
        self.server: Server = serve(self._serve, "127.0.0.1", 0, ssl=context, process_request=self._http, compression=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.server.shutdown()
        if kind is None:
            self.witness.require_none()

    @property
    def release(self) -> str:
        """The release that it is like."""
        return "25.04" if self.old else "25.10"

    def add(self, name: str, **more: Any) -> Path:
        (self.root / name).mkdir(parents=True)
        self.datasets[name] = {"users": {}, "type": "FILESYSTEM", "mounted": True, **more}
        return self.root / name

    def _http(self, _connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/_download/"):
            _, body = self.jobs[int(request.path.split("/")[2].partition("?")[0])]
            return Response(200, "OK", Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)
        return None

    def _serve(self, connection: ServerConnection) -> None:
        known = False
        try:
            for text in connection:
                message = json.loads(text)
                method, params = message["method"], message["params"]
                if method == "auth.login_ex":
                    known = params[0]["api_key"] == KEY
                    told: dict[str, Any] = {"response_type": "AUTH_ERR"}
                    if known:
                        told = {"response_type": "SUCCESS", "user_info": None, "authenticator": "LEVEL_1"}
                    self.witness(self.release, message, {"result": told})
                    self._send(connection, message, {"result": told})
                    continue
                self.calls.append((method, params))
                body: dict[str, Any]
                try:
                    if not known:
                        raise CallError(207, "[ENOTAUTHENTICATED] Not authenticated")
                    if self.fault(method, "before") == "cut":
                        connection.socket.shutdown(2)
                        return
                    with self.lock:
                        body = {"result": self.answer(method, params)}
                    if self.fault(method, "after") == "cut":
                        connection.socket.shutdown(2)
                        return
                except CallError as error:
                    data = {"error": error.number, "errname": "E", "reason": error.reason, "trace": None, "extra": None}
                    body = {"error": {"code": error.code, "message": "Method call error", "data": data}}
                self.witness(self.release, message, body)
                self._send(connection, message, body)
        except ConnectionClosed:
            return

    def _send(self, connection: ServerConnection, message: dict[str, Any], body: dict[str, Any]) -> None:
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], **body})
        for text in self.instead(message["method"], json.dumps(message["id"])) or [answer]:
            connection.send(text)

    def answer(self, method: str, params: list[Any]) -> Any:
        if self.old:
            if method.startswith("pool.snapshot."):
                raise CallError(201, "Method does not exist", -32601)
            method = method.replace("zfs.snapshot.", "pool.snapshot.")
        handler = getattr(self, "do_" + method.replace(".", "_"), None)
        if handler is None:
            raise CallError(201, f"Method {method} does not exist", -32601)
        return handler(*params)

    def do_core_subscribe(self, _name: str) -> str:
        return "1"

    def do_core_ping(self) -> str:
        return "pong"

    def do_core_get_jobs(self, filters: list[Any]) -> list[Any]:
        method, _ = self.jobs[filters[0][2]]
        return [{"id": filters[0][2], "method": method, "state": "SUCCESS", "result": None}]

    def do_core_get_methods(self, _service: str) -> dict[str, Any]:
        return {}

    def do_vm_query(self, *_: Any) -> list[Any]:
        return []

    do_app_query = do_iscsi_extent_query = do_vm_query

    def do_system_version(self) -> str:
        return "25.04.2" if self.old else "25.10.1"

    def do_system_info(self) -> dict[str, Any]:
        now = {"$date": int(dt.datetime.now(dt.UTC).timestamp() * 1000)}
        texts = dict.fromkeys(("hostname", "model", "uptime", "timezone", "system_manufacturer"), "small")
        nothing = dict.fromkeys(("system_serial", "system_product", "system_product_version", "license"))
        numbers = {"physmem": 1 << 30, "cores": 1, "physical_cores": 1, "loadavg": [0.0, 0.0, 0.0], "uptime_seconds": 1.0}
        instants = {"buildtime": now, "boottime": now, "datetime": now}
        return {"version": self.do_system_version(), "ecc_memory": False, **instants, **texts, **nothing, **numbers}

    def do_auth_me(self) -> dict[str, Any]:
        roles = ["DATASET_WRITE", "DATASET_DELETE", "SNAPSHOT_WRITE", "SNAPSHOT_DELETE", "POOL_READ", "FILESYSTEM_ATTRS_READ"]
        names = {"pw_name": "drtool", "pw_gecos": "", "pw_dir": "/var/empty", "pw_shell": "/usr/sbin/nologin"}
        return {
            **names,
            "pw_uid": 3001,
            "pw_gid": 3001,
            "grouplist": None,
            "sid": None,
            "source": "LOCAL",
            "local": True,
            "attributes": {},
            "two_factor_config": {"provisioning_uri": None, "secret_configured": False, "interval": 30, "otp_digits": 6},
            "privilege": {"roles": {"$set": roles}, "web_shell": False, "webui_access": False},
            "account_attributes": ["LOCAL", "API_KEY"],
        }

    def do_pool_query(self) -> list[Any]:
        return [{"name": "tank", "healthy": True, "status": "ONLINE"}]

    def do_pool_dataset_query(self, filters: list[Any], _options: Any) -> list[Any]:
        rows = [self._row(name) for name in sorted(self.datasets)]
        return [row for row in rows if all(self._match(row, item) for item in filters)]

    def _match(self, row: dict[str, Any], item: list[Any]) -> bool:
        if item[0] == "OR":
            return any(self._match(row, branch) for branch in item[1])
        value = row.get(item[0])
        if item[1] == "!=":
            return bool(value != item[2])
        if item[1] == "in":
            return value in item[2]
        return str(value).startswith(item[2]) if item[1] == "^" else bool(value == item[2])

    def _row(self, name: str) -> dict[str, Any]:
        item = self.datasets[name]
        size = sum(path.stat().st_size for path in (self.root / name).rglob("*") if path.is_file() and not path.is_symlink())
        row = {"id": name, "name": name, "pool": name.partition("/")[0], "type": item["type"], "encrypted": bool(item.get("encrypted"))}
        row |= {"locked": bool(item.get("locked")), "mountpoint": str(self.root / name) if item["type"] == "FILESYSTEM" else None}
        row |= {"encryption_root": name if item.get("encrypted") else None, "key_format": {"value": "HEX"}}
        row |= {"origin": {"rawvalue": item.get("origin", "")}, "available": {"rawvalue": str(10**12)}}
        row |= {"logicalreferenced": {"rawvalue": str(size)}}
        row |= {key: {"value": str(value), "rawvalue": str(value), "source": "LOCAL"} for key, value in item.get("properties", {}).items()}
        users: dict[str, Any] = {}
        for above in [name.rsplit("/", count)[0] for count in range(name.count("/"), -1, -1)]:
            source = "LOCAL" if above == name else "INHERITED"
            inherited = self.datasets.get(above, {}).get("users", {})
            users |= {key: {"value": value, "rawvalue": value, "source": source} for key, value in inherited.items()}
        return {**row, "user_properties": users}

    def do_pool_dataset_create(self, data: dict[str, Any]) -> dict[str, Any]:
        name = data["name"]
        if name in self.datasets:
            raise CallError(errno.EEXIST, "[EEXIST] dataset exists")
        if name.rpartition("/")[0] not in self.datasets:
            raise CallError(errno.ENOENT, "[ENOENT] parent does not exist")
        known = {"name", "type", "user_properties"}
        self.add(name, properties={key: value for key, value in data.items() if key not in known})
        self.datasets[name]["users"] = {item["key"]: item["value"] for item in data.get("user_properties", [])}
        return self._row(name)

    def do_pool_dataset_update(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        self._require(name)
        for item in data["user_properties_update"]:
            if item.get("remove"):
                self.datasets[name]["users"].pop(item["key"], None)
            else:
                self.datasets[name]["users"][item["key"]] = item["value"]
        return self._row(name)

    def _require(self, name: str) -> None:
        if name not in self.datasets:
            raise CallError(errno.ENOENT, f"[ENOENT] {name} does not exist")

    def do_pool_dataset_rename(self, name: str, data: dict[str, Any]) -> None:
        self._require(name)
        new = data["new_name"]
        if new in self.datasets:
            raise CallError(errno.EEXIST, "[EEXIST] dataset exists")
        if new.rpartition("/")[0] not in self.datasets:
            raise CallError(errno.ENOENT, "[ENOENT] parent does not exist")
        for path in sorted(self.datasets):
            if path == name or path.startswith(f"{name}/"):
                self.datasets[new + path[len(name) :]] = self.datasets.pop(path)
        for path in sorted(self.snapshots):
            if path.startswith((f"{name}@", f"{name}/")):
                self.snapshots[new + path[len(name) :]] = self.snapshots.pop(path)
        for item in self.datasets.values():
            origin = item.get("origin", "")
            if origin.startswith((f"{name}@", f"{name}/")):
                item["origin"] = new + origin[len(name) :]
        shutil.rmtree(self.root / new, ignore_errors=True)
        (self.root / name).rename(self.root / new)

    def do_pool_dataset_delete(self, name: str, _options: Any) -> bool:
        self._require(name)
        if any(path.startswith(f"{name}/") for path in self.datasets):
            raise CallError(errno.ENOTEMPTY, "[ENOTEMPTY] dataset has children")
        if any(path.startswith(f"{name}@") for path in self.snapshots):
            raise CallError(errno.EBUSY, "[EBUSY] dataset has snapshots")
        del self.datasets[name]
        shutil.rmtree(self.root / name)
        return True

    def do_pool_dataset_attachments(self, name: str) -> list[Any]:
        self._require(name)
        return list(self.datasets[name].get("attachments", []))

    def do_pool_dataset_export_keys(self, _pool: str) -> bytes:
        return json.dumps(self.keys).encode()

    def do_pool_snapshot_create(self, data: dict[str, Any]) -> dict[str, Any]:
        top = data["dataset"]
        self._require(top)
        names = [name for name in sorted(self.datasets) if name == top or (data["recursive"] and name.startswith(f"{top}/"))]
        if any(f"{name}@{data['name']}" in self.snapshots for name in names):
            raise CallError(errno.EEXIST, "[EEXIST] snapshot exists")
        for name in names:
            identity = f"{name}@{data['name']}"
            self.snapshots[identity] = {"users": data["properties"]}
            self._copy(name, self.side / identity)
        return self._snapshot(f"{top}@{data['name']}")

    def _snapshot(self, name: str) -> dict[str, Any]:
        users = {
            key: {"value": value, "rawvalue": value, "source": "LOCAL", "parsed": value}
            for key, value in self.snapshots[name]["users"].items()
        }
        return {
            "id": name,
            "name": name,
            "dataset": name.partition("@")[0],
            "snapshot_name": name.partition("@")[2],
            "pool": name.partition("/")[0].partition("@")[0],
            "type": "SNAPSHOT",
            "createtxg": "1",
            "properties": users,
        }

    def _copy(self, name: str, target: Path) -> None:
        """Without what lies in child datasets."""
        target.mkdir(parents=True)
        subprocess.run(["cp", "-a", "-T", str(self.root / name), str(target)], check=True)
        for child in self.datasets:
            if child.startswith(f"{name}/"):
                shutil.rmtree(target / child[len(name) + 1 :], ignore_errors=True)

    def do_pool_snapshot_query(self, filters: list[Any], _options: Any = None) -> list[Any]:
        rows = [self._snapshot(name) for name in sorted(self.snapshots)]
        return [row for row in rows if all(self._match(row, entry) for entry in filters)]

    def do_pool_snapshot_delete(self, name: str, _options: Any) -> bool:
        if name not in self.snapshots:
            raise CallError(errno.ENOENT, "[ENOENT] snapshot does not exist")
        if any(item.get("origin") == name for item in self.datasets.values()):
            raise CallError(errno.EBUSY, "[EBUSY] snapshot has dependent clones")
        del self.snapshots[name]
        return True

    def do_pool_snapshot_clone(self, data: dict[str, Any]) -> bool:
        name = data["dataset_dst"]
        if data["snapshot"] not in self.snapshots:
            raise CallError(errno.ENOENT, "[ENOENT] snapshot does not exist")
        if name in self.datasets:
            raise CallError(errno.EEXIST, "[EEXIST] dataset exists")
        self.datasets[name] = {"users": {}, "type": "FILESYSTEM", "mounted": True, "origin": data["snapshot"]}
        self.datasets[name]["users"] = {key: value for key, value in data["dataset_properties"].items() if ":" in key}
        side = self.side / data["snapshot"]
        subprocess.run(["cp", "-a", "-T", str(side), str(self.root / name)], check=True)
        return True

    def do_filesystem_stat(self, path: str) -> dict[str, Any]:
        found = os.stat(path)
        name = str(Path(path).relative_to(self.root)) if path.startswith(f"{self.root}/") else ""
        mounted = bool(self.datasets.get(name, {}).get("mounted"))
        numbers = {"size": found.st_size, "allocation_size": found.st_size, "mode": found.st_mode, "uid": found.st_uid, "gid": found.st_gid}
        times = {"atime": found.st_atime, "mtime": found.st_mtime, "ctime": found.st_ctime, "btime": found.st_ctime}
        rest = {"acl": False, "is_ctldir": False, "attributes": [], "user": None, "group": None, "nlink": found.st_nlink, "mount_id": 1}
        place = {"realpath": path, "type": "DIRECTORY", "dev": found.st_dev, "inode": found.st_ino, "is_mountpoint": mounted}
        return {**place, **numbers, **times, **rest}

    def do_filesystem_statfs(self, path: str) -> dict[str, Any]:
        name = str(Path(path).relative_to(self.root))
        return {"source": name if self.datasets[name]["mounted"] else name.rpartition("/")[0]}

    def do_sharing_nfs_query(self, *_: Any) -> list[Any]:
        return []

    do_sharing_smb_query = do_pool_snapshottask_query = do_sharing_nfs_query

    def do_config_save(self, _options: Any) -> bytes:
        path = self.side.parent / "config.db"
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.execute("create table system (name text)")
        database.commit()
        database.close()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, body in (("freenas-v1.db", path.read_bytes()), ("pwenc_secret", self.seed)):
                item = tarfile.TarInfo(name)
                item.size = len(body)
                tar.addfile(item, io.BytesIO(body))
        return buffer.getvalue()

    def do_core_download(self, method: str, params: list[Any], _name: str, _buffered: bool) -> list[Any]:
        number = len(self.jobs) + 1
        self.jobs[number] = (method, self.answer(method, params))
        return [number, f"/_download/{number}?auth_token=once"]
