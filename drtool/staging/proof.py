"""Proves labels, and tells which are proven: who writes a file beside a person's data can write one that looks like a label."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.codec import canonical
from drtool.model.label import LabelProofs

UNDER_WAY: Final = ("moving", "reversing")
"""States of a marker whose exchange was begun and has not ended."""
_OF_THIS_PROCESS: Final = LabelProofs(os.urandom(32))


def of_this_process() -> LabelProofs:
    """Return what a source proves by that was given nothing else: it knows again what this process wrote, and no more."""
    return _OF_THIS_PROCESS


def prove(proofs: LabelProofs, name: str, label: Mapping[str, Any]) -> str:
    """Return the proof of a label with this file name, empty without a key; `proof` itself is not part of it."""
    if not proofs.key:
        return ""
    told = {key: value for key, value in label.items() if key != "proof"}
    return hmac.new(proofs.key, name.encode("utf-8", "surrogateescape") + b"\0" + canonical(told), hashlib.sha256).hexdigest()


def shows(proofs: LabelProofs, name: str, label: Mapping[str, Any]) -> bool:
    """Tell whether a label bears the proof that the key makes of it."""
    expected = prove(proofs, name, label)
    return bool(expected) and hmac.compare_digest(str(label.get("proof", "")).encode("utf-8", "surrogatepass"), expected.encode())


def unproven(proofs: LabelProofs, name: str, label: Mapping[str, Any]) -> str:
    """Return the digest by which a person may take a label over; empty where it is known to be ours."""
    if shows(proofs, name, label):
        return ""
    digest = digest_of(name, label)
    return "" if digest in proofs.accepted or ("proof" not in label and _of_an_earlier_release(proofs, label)) else digest


def digest_of(name: str, label: Mapping[str, Any]) -> str:
    """Return by what exactly this label, of this file name, is known again."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape") + b"\0" + canonical(dict(label))).hexdigest()


def is_spent(proofs: LabelProofs, name: str, label: Mapping[str, Any]) -> bool:
    """Tell whether a label is of an exchange that was ended: what is under way by it came back from a copy.

    One that is not under way moves nothing, and is tidied up by whoever ended it, or, where that was killed, by the next sweep.
    """
    return name in proofs.spent and label.get("state") in UNDER_WAY


def _of_an_earlier_release(proofs: LabelProofs, label: Mapping[str, Any]) -> bool:
    """Tell whether a restore of a release that proved no labels wrote this one, as far as its journal tells."""
    run = label.get("run")
    if run in proofs.earlier_runs:
        return True
    moves, aside = label.get("moves") or (), str(label.get("aside", ""))
    target = str(moves[0].get("target", "")) if moves else aside.rpartition(".before-")[0]
    about_it = label.get("what") == "placed" or (label.get("what") == "kept" and aside.startswith(f"{target}.before-"))
    return about_it and bool(target) and (run, target) in proofs.earlier_places
