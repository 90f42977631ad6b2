"""The modules that verbs are in, each loaded when one of its verbs is called: looking must not cost what working costs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = [
    "adoption",
    "backup",
    "doctor",
    "drill",
    "due",
    "evidence",
    "examining",
    "finding",
    "forgetting",
    "history",
    "holds",
    "immutable",
    "inside",
    "inventory",
    "kept",
    "keys",
    "known",
    "listings",
    "looking",
    "restore",
    "rotation",
    "scheduling",
    "status",
    "sweeping",
    "telling",
    "upkeep",
]

if TYPE_CHECKING:
    from drtool.app import (
        adoption,
        backup,
        doctor,
        drill,
        due,
        evidence,
        examining,
        finding,
        forgetting,
        history,
        holds,
        immutable,
        inside,
        inventory,
        kept,
        keys,
        known,
        listings,
        looking,
        restore,
        rotation,
        scheduling,
        status,
        sweeping,
        telling,
        upkeep,
    )
else:

    def __getattr__(name: str) -> ModuleType:
        """Return a module of verbs by its name (PEP 562)."""
        if name in __all__:
            return import_module(f"{__package__}.{name}")
        raise AttributeError(f"no verb is in {name}")
