"""By what a label that lies among a person's data is known to be this state directory's own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drtool.model.codec import canonical

UNKNOWN_MACHINE = "unknown"
"""What is typed for a machine that did not write its id on what it left."""


@dataclass(frozen=True, slots=True)
class LabelProofs:
    """A key that never leaves the state directory, labels that a person took over, and runs of before there was a key.

    Who writes a file beside a person's data can write one that looks like a label; what it says is carried out only where one of these
    holds.
    """

    key: bytes = field(default=b"", repr=False)
    accepted: frozenset[str] = frozenset()
    """Digests of labels that `adopt --leftovers` took over."""
    earlier_runs: frozenset[str] = frozenset()
    """Runs that this state directory has journals of, from a release that proved no labels."""

    def prove(self, name: str, label: Mapping[str, Any]) -> str:
        """Return the proof of a label with this file name; `proof` itself is not part of it."""
        told = {key: value for key, value in label.items() if key != "proof"}
        return hmac.new(self.key, name.encode("utf-8", "surrogateescape") + b"\0" + canonical(told), hashlib.sha256).hexdigest()

    def unproven(self, name: str, label: Mapping[str, Any]) -> str:
        """Return the digest by which a person may take a label over; empty where it is known to be ours."""
        if hmac.compare_digest(str(label.get("proof", "")).encode("utf-8", "surrogatepass"), self.prove(name, label).encode()):
            return ""
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\0" + canonical(dict(label))).hexdigest()
        return "" if digest in self.accepted or ("proof" not in label and label.get("run") in self.earlier_runs) else digest
