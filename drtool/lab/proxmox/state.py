"""What the cluster knows, kept in one file of the lab's directory."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final

from drtool.lab.proxmox.answers import Json

RELEASES: Final = ("8.4", "9.2")
_VERSIONS: Final = {"8.4": ("8.4.21", "3f5d2b71c0a94e68"), "9.2": ("9.2.8", "a81c94e7d2306b5f")}
QEMU: Final = "qemu"
CONTAINER: Final = "lxc"


@dataclass(slots=True)
class Node:
    """One node: its number in the cluster, its address there, whether it runs, and by how many seconds its clock is wrong."""

    name: str
    number: int
    address: str
    online: bool = True
    skew_seconds: float = 0.0
    timezone: str = "UTC"


@dataclass(slots=True)
class Guest:
    """One guest: a machine (`qemu`) or a container (`lxc`), as its configuration file has it.

    `pending` are values that are taken at the next start (None: the key goes then). A snapshot is the configuration of its time.
    """

    number: int
    kind: str
    node: str
    config: dict[str, Json]
    running: bool = False
    pending: dict[str, Json] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, which machines and containers have under different keys; empty where it has none."""
        return str(self.config.get("name" if self.kind == QEMU else "hostname", ""))


@dataclass(slots=True)
class Token:
    """An API token: the digest of its secret, whether it has privileges of its own, until when it is good (0: for ever)."""

    digest: str
    privsep: bool = True
    expire: int = 0
    comment: str = ""


@dataclass(slots=True)
class User:
    """Somebody with an account: in which groups, with which password (a digest; empty: none), with which tokens."""

    enable: bool = True
    expire: int = 0
    comment: str = ""
    password: str = ""
    groups: list[str] = field(default_factory=list)
    tokens: dict[str, Token] = field(default_factory=dict)


@dataclass(slots=True)
class Grant:
    """An entry of the access list: who (`user`, `group` or `token`) has which role on a path, and whether below it too."""

    path: str
    kind: str
    holder: str
    role: str
    propagate: bool = True


@dataclass(slots=True)
class Pool:
    """A pool: which guests and storages are in it."""

    comment: str = ""
    guests: list[int] = field(default_factory=list)
    storages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Task:
    """Something a node did or does: `exit` is empty while it runs, `end` zero."""

    upid: str
    node: str
    type: str
    id: str
    who: str
    pid: int
    pstart: int
    start: int
    end: int = 0
    exit: str = ""
    log: list[str] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """Everything that survives a restart. `name` is the cluster's, empty for a single node in none."""

    release: str
    name: str
    seed: str
    quorate: bool = True
    nodes: dict[str, Node] = field(default_factory=dict)
    guests: dict[int, Guest] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    storages: dict[str, dict[str, Json]] = field(default_factory=dict)
    """By name what stands in the configuration: type, content, shared, nodes ..."""
    down: list[str] = field(default_factory=list)
    """Storages that do not answer."""
    volumes: list[dict[str, Json]] = field(default_factory=list)
    """What lies on storages, as a listing tells it; `node` where the storage is not shared."""
    jobs: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Backup jobs by their id."""
    resources: dict[str, dict[str, Json]] = field(default_factory=dict)
    """What high availability looks after, by `vm:100` or `ct:200`."""
    options: dict[str, Json] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    roles: dict[str, list[str]] = field(default_factory=dict)
    """The roles that somebody made; the built-in ones are in `privileges.py`."""
    grants: list[Grant] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    last_pid: int = 4000
    configuration: dict[str, Json] = field(default_factory=dict)
    """What else the cluster keeps, by the path that tells it; what guests have by `/guests/100/...`."""

    @property
    def version(self) -> str:
        """The whole version of the release."""
        return _VERSIONS[self.release][0]

    @property
    def repository(self) -> str:
        """What names the commit that the release was built from."""
        return _VERSIONS[self.release][1]

    def pool_of(self, guest: int) -> str:
        """Return the pool a guest is in, empty where it is in none."""
        return next((name for name, pool in self.pools.items() if guest in pool.guests), "")

    def is_at(self, storage: str, node: str) -> bool:
        """Tell whether a node has a storage."""
        config = self.storages[storage]
        nodes = str(config.get("nodes", ""))
        return not config.get("disable") and (not nodes or node in nodes.split(","))

    def add_token(self, user: str, name: str, *, privsep: bool = True, expire: int = 0, comment: str = "") -> str:
        """Make a token and return its secret."""
        octets = secrets.token_hex(16)
        secret = "-".join((octets[:8], octets[8:12], octets[12:16], octets[16:20], octets[20:]))
        self.users[user].tokens[name] = Token(digest_of(secret), privsep, expire, comment)
        return secret


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def load_state(path: str) -> State | None:
    """Return the state kept at `path`, None where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            kept = json.load(stream)
    except FileNotFoundError:
        return None
    kept["nodes"] = {name: Node(**each) for name, each in kept["nodes"].items()}
    kept["guests"] = {int(number): Guest(**each) for number, each in kept["guests"].items()}
    kept["pools"] = {name: Pool(**each) for name, each in kept["pools"].items()}
    for each in kept["users"].values():
        each["tokens"] = {name: Token(**token) for name, token in each["tokens"].items()}
    kept["users"] = {name: User(**each) for name, each in kept["users"].items()}
    kept["grants"] = [Grant(**each) for each in kept["grants"]]
    kept["tasks"] = [Task(**each) for each in kept["tasks"]]
    return State(**kept)


def save_state(state: State, path: str) -> None:
    """Keep the state at `path`, in one move, readable by its owner only."""
    fresh = f"{path}.{secrets.token_hex(4)}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(asdict(state), stream)
    os.replace(fresh, path)
