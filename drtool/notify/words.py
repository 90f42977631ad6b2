from __future__ import annotations

from typing import Any

from drtool.model.signal import SIGNAL_FORMAT, Signal, SignalKind


def title(signal: Signal) -> str:
    """Return one line: what became of what, where."""
    if signal.kind is SignalKind.TEST:
        return f"drtool {signal.occasion.policy}: a test, nothing happened"
    states = {SignalKind.START: "begun", SignalKind.SUCCESS: "well", SignalKind.LOG: "not now"}
    state = states.get(signal.kind, signal.outcome.replace("_", " "))
    again = " again" if signal.recovered else ""
    return f"drtool {signal.occasion.policy}: {signal.verb} {signal.subject} {state}{again}"


def letter(signal: Signal) -> str:
    """Return the whole message for a person."""
    lines = [signal.text or title(signal)]
    if signal.others:
        lines.append(f"not well since its last attempt: {', '.join(signal.others)}")
    if signal.next:
        lines.append(f"next: {signal.next}")
    run = f"run {signal.occasion.run}" if signal.occasion.run else "sent"
    where = f" on {signal.occasion.machine}" if signal.occasion.machine else ""
    lines.append(f"{run}{where}, {signal.occasion.at:%Y-%m-%d %H:%M:%S} UTC")
    return "\n".join(lines)


def document(signal: Signal) -> dict[str, Any]:
    """Return a signal as JSON values; keys are only ever added."""
    return {
        "format": SIGNAL_FORMAT,
        "kind": signal.kind.value,
        "subject": signal.subject,
        "verb": signal.verb,
        "policy": signal.occasion.policy,
        "machine": signal.occasion.machine,
        "run": signal.occasion.run,
        "at": signal.occasion.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "outcome": signal.outcome,
        "recovered": signal.recovered,
        "others": list(signal.others),
        "text": signal.text,
        "next": signal.next,
    }
