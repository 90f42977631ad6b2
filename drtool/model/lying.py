from __future__ import annotations


def lies_in(path: str, base: str) -> bool:
    """Tell whether a plain path is `base` or lies below it."""
    return path == base or path.startswith(base.rstrip("/") + "/")
