"""Starting a cluster, and the policy that works against it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from drtool.lab.proxmox.calls import Table
from drtool.lab.proxmox.certificate import Certificates, ensure_certificates
from drtool.lab.proxmox.cluster import Cluster, Witness, open_state
from drtool.lab.proxmox.dispatch import Dispatch
from drtool.lab.proxmox.furnish import WORKER, furnish
from drtool.lab.proxmox.methods.every import every_call
from drtool.lab.proxmox.server import NodeServer
from drtool.ports import Clock


@dataclass(frozen=True, slots=True)
class Settings:
    """Which cluster to start: where it is kept, its release, the ports of its nodes in their order (any, where there are fewer).

    `offline` nodes are down. A `hasty` one refuses at once, where the vendor waits three seconds.
    """

    directory: str
    release: str = "9.2"
    ports: tuple[int, ...] = ()
    offline: tuple[str, ...] = ()
    hasty: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A running cluster: where each of its nodes answers, and the files that let one in."""

    urls: dict[str, str]
    authority: str
    fingerprints: dict[str, str]
    token_file: str
    password_file: str
    directory: str
    release: str

    @property
    def url(self) -> str:
        """Where the first node answers."""
        return next(iter(self.urls.values()))

    def policy(self) -> str:
        """Return a policy that looks at it."""
        return _POLICY.format(url=self.url, token=self.token_file, authority=self.authority, directory=self.directory)


_POLICY: Final = """\
drtool: 1
name: lab
repositories:
  near: {{restic: "{directory}/repository", password: "file:{directory}/repository.key"}}
sources:
  pve:  {{proxmox: {{url: "{url}", token: "file:{token}", ca: "{authority}"}}}}
defaults:
  to: near
  keep: {{last: 3}}
sets:
  cluster: {{protect: [{{pve: {{system: true}}}}], checks: [{{proxmox_config: {{}}}}]}}
sandboxes:
  lab: {{pve: {{directory: "{directory}/sandbox"}}}}
"""


@dataclass(slots=True)
class Lab:
    """A cluster that answers, as long as it is not stopped."""

    cluster: Cluster
    certificates: Certificates
    servers: dict[str, NodeServer] = field(default_factory=dict)

    def renew_certificates(self) -> None:
        """Show other certificates to whoever connects from now on."""
        ensure_certificates(self.cluster.directory, list(self.servers), self.cluster.clock.now(), fresh=True)
        for node, server in self.servers.items():
            server.context = self.certificates.context(node)

    def started(self) -> Started:
        """Return where it answers."""
        directory = self.cluster.directory
        return Started(
            urls={node: f"https://localhost:{server.port}" for node, server in self.servers.items()},
            authority=self.certificates.authority,
            fingerprints={node: self.certificates.fingerprint(node) for node in self.servers},
            token_file=os.path.join(directory, f"{WORKER.partition('@')[0]}.token"),
            password_file=os.path.join(directory, "root.password"),
            directory=directory,
            release=self.cluster.state.release,
        )

    def stop(self) -> None:
        """Answer no more, and keep what is known."""
        for server in self.servers.values():
            server.stop()
        with self.cluster.lock:
            self.cluster.save()


def start(settings: Settings, *, clock: Clock, witness: Witness | None = None) -> Lab:
    """Start a cluster and return it; a `witness` is shown every call with its answer."""
    os.makedirs(settings.directory, mode=0o700, exist_ok=True)
    state = open_state(settings.directory, settings.release, "lab")
    cluster = Cluster(settings.directory, state, clock, refusal_seconds=0.0 if settings.hasty else 3.0)
    if witness is not None:
        cluster.witness = witness
    furnish(cluster)
    for each in state.nodes.values():
        each.online = each.name not in settings.offline
    cluster.save()
    certificates = ensure_certificates(settings.directory, list(state.nodes), clock.now())
    lab = Lab(cluster, certificates)
    cluster.on_certificates = lab.renew_certificates
    dispatch = Dispatch(cluster, Table(every_call()))
    ports = (*settings.ports, *([0] * len(state.nodes)))
    for node, port in zip(state.nodes, ports, strict=False):
        lab.servers[node] = NodeServer(dispatch, node, port, certificates.context(node))
    for server in lab.servers.values():
        server.start()
    return lab


def serve(settings: Settings, *, clock: Clock, on_start: Callable[[Started], None], until: Callable[[], bool]) -> None:
    """Run a cluster until told to stop; `on_start` is told when it answers, `until` is asked now and then."""
    lab = start(settings, clock=clock)
    try:
        on_start(lab.started())
        while not until():
            threading.Event().wait(0.1)
    finally:
        lab.stop()
