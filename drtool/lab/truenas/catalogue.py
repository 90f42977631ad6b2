"""Every method there is, by name."""

from __future__ import annotations

from collections.abc import Mapping

from drtool.lab.truenas.methods import (
    authentication,
    configuration,
    core,
    datasets,
    files,
    guests,
    keys,
    resources,
    shares,
    snapshots,
    system,
)
from drtool.lab.truenas.registry import Method, table


def every_method() -> Mapping[str, Method]:
    """Return the methods of all releases; each knows in which it is."""
    modules = (authentication, configuration, core, datasets, files, guests, keys, resources, shares, snapshots, system)
    return table([method for module in modules for method in module.METHODS])
