"""What a platform keeps for us itself: where it lies, and what its stores say of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NativePlace:
    """One place of a native artifact: a store, the failure domain it lies in, and where there, in the store's own words.

    `store` is the name of its source, or `SOURCE:…` where a source has several. `digest` names the content in the store's own words; empty:
    it has none. `made` says that drtool asked for it and labelled it: of anything else only the claim is ever given up.
    """

    store: str
    site: str
    locator: str
    digest: str = ""
    made: bool = False

    @property
    def identity(self) -> tuple[str, str]:
        """What is the same for the same body of data only."""
        return self.store, self.locator


@dataclass(frozen=True, slots=True)
class Held:
    """What a store says of something it keeps: what names its content, and its bytes (0: it does not tell)."""

    digest: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class NativeState:
    """What stores said of the native artifacts of one point, when it was listed; of those that are counted nowhere nobody knows.

    `present`: some place has it, as it was recorded. `gone`: every place was asked, and none has it so.
    """

    present: int = 0
    gone: int = 0
    sites: tuple[tuple[str, ...], ...] = ()
    """The failure domains in which an artifact is present, once for each different answer."""
    there: tuple[str, ...] = ()
    """The workloads of which all native artifacts are present."""
    lacking: tuple[str, ...] = ()
    """Those of which one is gone, or not known."""


Claims = frozenset[tuple[str, str]]
"""The identities of all places that manifests name."""

NOT_ASKED = NativeState()
"""Nobody asked."""
