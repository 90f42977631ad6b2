"""Tells systemd how far a call is, where it started the call as a unit of `Type=notify` (sd_notify(3): one datagram, lines of words)."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING, Final

from drtool.cli.render.words import printable

if TYPE_CHECKING:
    from drtool.model.event import Event

_VARIABLE: Final = "NOTIFY_SOCKET"
_PATIENCE_SECONDS: Final = 2.0
"""So long may systemd be busy when a call says that it began; a step that it does not hear of is no loss."""


def is_listening() -> bool:
    """Tell whether systemd wants to hear from this call."""
    return bool(os.environ.get(_VARIABLE))


def ready() -> None:
    """Say that the call has begun: one that ends without a word would count as failed."""
    _say("READY=1", patience_seconds=_PATIENCE_SECONDS)


def listener(event: Event) -> None:
    """Say which step is under way, for `systemctl status`."""
    if event.kind.value == "step_started":
        _say(f"STATUS={printable(event.step)}")
    elif event.kind.value == "run_ended":
        _say("STATUS=tidying up")


def _say(words: str, *, patience_seconds: float = 0.0) -> None:
    """Send one datagram; whoever does not read what was sent before gets no more, and nobody waits for that."""
    address = os.environ.get(_VARIABLE, "")
    if address.startswith("@"):  # an abstract name
        address = f"\0{address[1:]}"
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there:
        there.settimeout(patience_seconds)
        there.connect(address)
        there.send(words.encode("utf-8", "replace"))
