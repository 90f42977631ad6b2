"""A simulated Proxmox VE cluster in this process, and the plainest client that speaks to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from drtool.engine.clock import SystemClock
from drtool.lab.proxmox.cluster import Cluster
from drtool.lab.proxmox.run import Lab, Settings, Started, start
from drtool.lab.proxmox.state import Grant, State, User
from tests.rig.pve_witness import PveWitness


@dataclass
class Told:
    """What came back: the status, the reason in the status line, the body as it came."""

    status: int
    reason: str
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)

    @property
    def data(self) -> Any:  # noqa: ANN401 - JSON
        return self.json["data"]


@dataclass
class PveLab:
    """A running cluster: `state` may be changed at will while it runs (under `cluster.lock` where a test has threads)."""

    lab: Lab
    started: Started
    witness: PveWitness
    cluster: Cluster = field(init=False)
    _administrator: str = ""

    def __post_init__(self) -> None:
        self.cluster = self.lab.cluster

    @property
    def state(self) -> State:
        return self.cluster.state

    @property
    def url(self) -> str:
        """Where the first node answers; those of all nodes are `started.urls`."""
        return self.started.url

    @property
    def ca(self) -> str:
        return self.started.authority

    @property
    def token(self) -> str:
        """USER@REALM!NAME=SECRET of somebody who may look; `started.token_file` is its file."""
        return Path(self.started.token_file).read_text().strip()

    @property
    def password(self) -> str:
        """The password of root@pam."""
        return Path(self.started.password_file).read_text().strip()

    @property
    def administrator(self) -> str:
        """A token that may everything, made when it is first asked for."""
        if not self._administrator:
            with self.cluster.lock:
                self._administrator = f"root@pam!all={self.state.add_token('root@pam', 'all', privsep=False)}"
        return self._administrator

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Let things go wrong from now on; none: let all be well."""
        fresh = Path(self.started.directory) / "faults.new"
        fresh.write_text(json.dumps(faults))
        fresh.replace(Path(self.started.directory) / "faults.json")

    def calls(self, path: str = "") -> list[dict[str, Any]]:
        """The calls as they came, of one path or of all: method, path, parameters, who, outcome."""
        file = Path(self.started.directory) / "calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [call for call in map(json.loads, lines) if path in {"", call["path"]}]

    def new_token(self, privileges: Sequence[str], *, path: str = "/", user: str = "other@pve", privsep: bool = True) -> str:
        """Make somebody with exactly these privileges on a path, and return his token."""
        name = f"t{len(self.state.users)}"
        with self.cluster.lock:
            self.state.users.setdefault(user, User())
            secret = self.state.add_token(user, name, privsep=privsep)
            who = f"{user}!{name}"
            self.state.roles[name] = list(privileges)
            self.state.grants += [Grant(path, "user", user, name), Grant(path, "token", who, name)]
        return f"{who}={secret}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        given: Mapping[str, Any] | Sequence[tuple[str, Any]] = (),
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        node: str = "",
        body: bytes | None = None,
    ) -> Told:
        """Make one call on a connection of its own; `token` empty: show nothing."""
        port = self.lab.servers[node or next(iter(self.lab.servers))].port
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=ssl.create_default_context(cafile=self.ca))
        shown = self.token if token is None else token
        sent = {**({"Authorization": f"PVEAPIToken={shown}"} if shown else {}), **(headers or {})}
        query = urlencode(given, doseq=True)
        try:
            if method in {"GET", "DELETE"}:
                connection.request(method, f"/api2/json{path}{f'?{query}' if query else ''}", body, headers=sent)
            else:
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request(method, f"/api2/json{path}", body or query.encode(), headers={**kind, **sent})
            answer = connection.getresponse()
            return Told(answer.status, answer.reason, answer.read())
        finally:
            connection.close()


def _recording(failures: list[str]) -> Callable[[object, object], None]:
    """Return what notes down whatever goes wrong in a thread of the cluster, except that somebody hangs up."""

    def note(_request: object, _address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            failures.append(traceback.format_exc())

    return note


@contextlib.contextmanager
def running_pve(directory: Path, *, release: str = "9.2", offline: tuple[str, ...] = (), lies: bool = False) -> Iterator[PveLab]:
    """Run a cluster of two nodes, pve1 and pve2, furnished as `drtool.lab.proxmox.furnish` says.

    All that goes through it is held against the list of answers and the vendor's schemas, and what does not fit fails the test; except
    where a test lets the cluster tell `lies`.
    """
    witness = PveWitness()
    settings = Settings(str(directory / "pve"), release=release, offline=offline, hasty=True)
    lab = start(settings, clock=SystemClock(), witness=witness)
    failures: list[str] = []
    for server in lab.servers.values():
        server.handle_error = _recording(failures)  # type: ignore[method-assign,assignment]
    try:
        yield PveLab(lab, lab.started(), witness)
        assert not failures, "\n".join(["the simulated cluster itself failed:", *failures])
        if not lies:
            witness.require_none()
    finally:
        lab.stop()
