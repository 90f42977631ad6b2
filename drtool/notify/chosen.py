from __future__ import annotations

from collections.abc import Container

from drtool.model.signal import Signal, SignalKind


def is_chosen(signal: Signal, on: Container[str]) -> bool:
    """Tell whether an end is among the outcomes that somebody wants to hear of; the end of a trouble is told to whoever heard of it."""
    if signal.kind is SignalKind.TEST:
        return True
    if signal.kind in (SignalKind.START, SignalKind.LOG, SignalKind.STATE) or signal.repeated:
        return False
    return signal.outcome in on or signal.recovered
