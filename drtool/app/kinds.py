"""The keys of every kind, fetched from the composition table only when a policy has to be read anew."""

from __future__ import annotations

from typing import Final

from drtool.policy.kinds import Kinds


def _real() -> Kinds:
    from drtool.app.composition import KINDS  # noqa: PLC0415 - every platform's front door, which a compiled policy needs none of

    return KINDS


KINDS: Final = Kinds(
    sources=lambda: _real().sources(),
    selectors=lambda: _real().selectors(),
    places=lambda: _real().places(),
    checks=lambda: _real().checks(),
    notifiers=lambda: _real().notifiers(),
    nodes=lambda: _real().nodes(),
    inside=lambda: _real().inside(),
    quiesces=lambda: _real().quiesces(),
    keeps_snapshots=lambda: _real().keeps_snapshots(),
)
