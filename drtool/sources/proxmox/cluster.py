from __future__ import annotations

from drtool.model.ledger import Stock
from drtool.model.policy import SourcePolicy
from drtool.ports import Clock, Finding, SecretStore
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.examine import examine
from drtool.sources.proxmox.existing import existing
from drtool.sources.proxmox.facts import KIND


class ProxmoxCluster:
    """A cluster of Proxmox VE, or one node: its guests are listed and looked at, and nothing of it is stored.

    Args:
        policy: name and settings (`schema.Settings`).
        clock: for waiting, and to compare the nodes' clocks with.
        secrets: resolves the API token when a connection is opened.
    """

    kind = KIND

    def __init__(self, *, policy: SourcePolicy, clock: Clock, secrets: SecretStore) -> None:
        self.name = policy.name
        self._clock = clock
        self._client = ApiClient(source=policy.name, settings=policy.settings, secrets=secrets, clock=clock)

    def existing(self) -> Stock:
        return existing(self._client)

    def examine(self) -> tuple[Finding, ...]:
        return examine(self._client, self._clock)
