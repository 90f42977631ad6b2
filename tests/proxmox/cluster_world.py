"""A cluster as a policy's source has it, against a simulated one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drtool.model.ledger import Existing, Stock
from drtool.model.policy import SourcePolicy
from drtool.ports import Clock
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.source import ProxmoxSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY
from tests.rig.pve_lab import PveLab


def settings_of(pve: PveLab, **keys: object) -> dict[str, Any]:
    return {"url": pve.url, "token": f"file:{pve.started.token_file}", "ca": pve.ca, **keys}


def secrets() -> Secrets:
    return Secrets(os.environ, LocalRunner())


def client_of(pve: PveLab, clock: Clock | None = None, **keys: object) -> ApiClient:
    return ApiClient(source="pve", settings=settings_of(pve, **keys), secrets=secrets(), clock=clock or FixedClock())


def cluster_of(pve: PveLab, clock: Clock | None = None, *, stores: bool = False, **keys: object) -> ProxmoxSource:
    """The cluster as the source `pve`; what it stores lies beside the lab's directory meanwhile."""
    settings = settings_of(pve, **{"staging": f"{pve.started.directory}.staging", **keys})
    policy = SourcePolicy(name="pve", kind="proxmox", site="home", settings=settings)
    return ProxmoxSource(policy=policy, by=BY, runner=LocalRunner(), clock=clock or FixedClock(), secrets=secrets(), stores=stores)


def written(directory: Path, text: str) -> str:
    """Write a token into a file of its own and return its reference."""
    file = directory / f"token-{len(list(directory.iterdir()))}"
    file.write_text(f"{text}\n")
    file.chmod(0o600)
    return f"file:{file}"


def by_name(stock: Stock) -> dict[str, Existing]:
    assert len({each.name for each in stock.existing}) == len(stock.existing)
    return {each.name: each for each in stock.existing}


def asked(pve: PveLab) -> Sequence[str]:
    return [call["path"] for call in pve.calls()]


def shown(errors: BaseException) -> Iterator[str]:
    """Everything that an error and what led to it say."""
    waiting: list[BaseException | None] = [errors]
    while waiting:
        each = waiting.pop()
        if each is not None:
            yield repr(each)
            yield str(vars(each))
            waiting += [each.__cause__, each.__context__]
