from __future__ import annotations

_STEP = 1024


def spell_bytes(count: float) -> str:
    """Spell a number of bytes: `512 B`, `18.2 GiB`."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < _STEP:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} TiB"
