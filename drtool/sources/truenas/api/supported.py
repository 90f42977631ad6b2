"""Which releases drtool was tried against, and what is told of others."""

from __future__ import annotations

from typing import Final

from drtool.model.errors import NotFound, Refused
from drtool.ports import Finding
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.release_number import ReleaseNumber, read_release

OLDEST: Final = (25, 4)
RENAMES: Final = (25, 10)
NEWEST: Final = 26
"""Of what is newer nobody has seen the models."""
_BETA: Final = 1
_MENDED: Final = 4
"""The first beta of 26 after those that drop user properties of new datasets (NAS-142001)."""


def version_of(client: ApiClient) -> str:
    """Return the release as the NAS spells it, asked once; empty where it does not tell."""
    if client.version is None:
        try:
            client.version = str(client.read("system.version") or "")
        except (NotFound, Refused):
            client.version = ""
    return client.version


def drops_properties(release: ReleaseNumber | None) -> bool:
    """Tell whether a release makes datasets without the user properties that were asked for."""
    return release is not None and release.numbers[:3] == (26, 0, 0) and release.stage == _BETA and release.candidate < _MENDED


def require_supported(client: ApiClient) -> None:
    """Refuse to work against a release that nothing here was tried against."""
    text = version_of(client)
    why = _why_not(read_release(text))
    if why:
        raise Refused(f"TrueNAS {text} {why}", hint=_remedy(read_release(text)), safe="nothing was changed")


def examine_release(subject: str, text: str) -> Finding:
    """Answer `doctor` for the release."""
    release = read_release(text)
    if release is None:
        remedy = "look at its version on the NAS, and whether the URL is its own"
        return Finding(subject, good=False, text=f"it does not tell which release it is: {text[:60]!r}", remedy=remedy)
    why = _why_not(release)
    if why:
        return Finding(subject, good=False, text=f"TrueNAS {text} {why}", remedy=_remedy(release))
    if drops_properties(release):
        return Finding(
            subject,
            good=None,
            text=f"TrueNAS {text} answers, and drops the user properties of new datasets (NAS-142001): restores and drills are refused",
            remedy="update it to a later beta or to the release",
        )
    if release.numbers[:2] < RENAMES:
        return Finding(
            subject,
            good=None,
            text=f"TrueNAS {text} answers, and cannot rename a dataset: a whole one comes back in a drill or to a directory, not in place",
            remedy="update it to 25.10 or later",
        )
    return Finding(subject, good=True, text=f"TrueNAS {text} answers")


def _why_not(release: ReleaseNumber | None) -> str:
    if release is None:
        return ""
    if release.numbers[:2] < OLDEST:
        return "is too old"
    if release.numbers[0] > NEWEST or (release.numbers[0] == NEWEST and release.stage < _BETA):
        return "is not supported yet: nothing of drtool was tried against it"
    return ""


def _remedy(release: ReleaseNumber | None) -> str:
    if release is not None and release.numbers[:2] < OLDEST:
        return "update it to 25.04 or later"
    return "look for a newer drtool; docs/platforms/truenas.md lists the releases"
