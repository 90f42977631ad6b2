"""Three machines on two nodes, and the library opened on them."""

from __future__ import annotations

from dataclasses import dataclass

from drtool.app.facade import App
from drtool.app.opening import open_policy
from drtool.model.inventory import Listing
from drtool.testing.memory_repository import Storage
from tests.toy.cluster import DISKS, VAULTED, Cluster, Machine

NODES = {"1": "a", "2": "a", "3": VAULTED}
THREE = {name: Machine(node, {disk: f"{name} {disk}".encode() for disk in DISKS}, running=True) for name, node in NODES.items()}


@dataclass(frozen=True)
class Toys:
    """The library opened on a policy of two sets, what outlives it, and how it is opened once more."""

    app: App
    cluster: Cluster
    storages: dict[str, Storage]
    policy: str
    state: str

    def again(self) -> App:
        return open_policy(self.policy, state_directory=self.state)

    def listing(self, name: str) -> Listing:
        return self.again()._runtime.adapters.repositories[name].list()


def disks(cluster: Cluster) -> dict[str, dict[str, bytes]]:
    return {number: dict(machine.disks) for number, machine in cluster.machines.items() if number in THREE}
