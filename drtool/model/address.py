"""Where a platform says that something is: words from outside, of which only what can be an address is believed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from itertools import islice
from typing import Final

PLACEHOLDER: Final = "{address}"
"""In a check of the policy: the host is whatever address its platform tells of what was restored."""
MOST_ADDRESSES: Final = 16
_MOST_LOOKED_AT: Final = 256
_LONGEST: Final = 45


def usable_addresses(told: Iterable[str]) -> tuple[str, ...]:
    """Return the IP addresses among what was told at which another machine can be reached, each once, in the order told; at most 16.

    Loopback is whoever asks, a link-local address means nothing without its link, and a group is nobody: none of them is the thing itself.
    """
    found: dict[str, None] = {}
    for text in islice(told, _MOST_LOOKED_AT):
        address = _read(text)
        if address is not None:
            found[str(address)] = None
    return tuple(islice(found, MOST_ADDRESSES))


def as_host(address: str) -> str:
    """Spell an address as the host of `host:port`."""
    return f"[{address}]" if ":" in address else address


def _read(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if not isinstance(text, str) or len(text) > _LONGEST or "%" in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    bare = getattr(address, "ipv4_mapped", None) or address
    nobody = bare.is_loopback or bare.is_unspecified or bare.is_multicast or bare.is_link_local or bare.is_reserved
    return None if nobody else bare
