"""Disaster recovery with proof: `drtool.open(...)` gives every verb of the command line as a typed method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drtool.app.facade import App
    from drtool.app.opening import open_journals, open_policy, open_repository

__version__ = "0.1.0"
__all__ = ["App", "__version__", "open_journals", "open_policy", "open_repository"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562; keeps `import drtool` and the command line light
    if name in ("App", "open_journals", "open_policy", "open_repository"):
        import drtool.app.opening  # noqa: PLC0415

        return getattr(drtool.app.opening, name)
    raise AttributeError(f"module drtool has no attribute {name}")
