from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.model.errors import Refused
from drtool.model.secret import Secret, SecretReference
from drtool.ports import SecretStore

_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_SHORTEST: Final = 8


@dataclass(frozen=True, slots=True)
class DatasetKeys:
    """What the operator gives to open datasets: by dataset the reference of a key or of a passphrase, resolved when it is used.

    The secret behind one of `keys` is 64 hexadecimal digits, or the JSON of exported keys (the NAS's own, or `keys.json` of a saved
    configuration), in which the key of each dataset at or below that name is looked up.
    """

    keys: Mapping[str, SecretReference] = field(default_factory=dict)
    passphrases: Mapping[str, SecretReference] = field(default_factory=dict)
    secrets: SecretStore | None = None

    def key_of(self, dataset: str) -> Secret | None:
        """Return the key of one dataset, None when none is given; Refused when what is given is no key."""
        for name in _nearest_first(dataset):
            reference = self.keys.get(name)
            if reference is None:
                continue
            text = self._resolve(reference).strip()
            if _KEY.fullmatch(text):
                if name == dataset:
                    return Secret(text)
                continue
            found = _look_up(text, dataset, reference)
            if found is not None:
                return Secret(found)
        return None

    def passphrase_of(self, dataset: str) -> Secret | None:
        """Return the passphrase of one dataset, None when none is given; Refused when the NAS would not take it."""
        reference = self.passphrases.get(dataset)
        if reference is None:
            return None
        text = self._resolve(reference)
        if len(text) < _SHORTEST:
            raise Refused(f"the secret {reference} is shorter than a passphrase may be ({_SHORTEST})", hint="look what it holds")
        return Secret(text)

    def _resolve(self, reference: SecretReference) -> str:
        if self.secrets is None:
            raise Refused(f"nothing here can look up {reference}", hint="open the policy that names it")
        return self.secrets.resolve(reference).reveal()


def _nearest_first(dataset: str) -> tuple[str, ...]:
    parts = dataset.split("/")
    return tuple("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def _look_up(text: str, dataset: str, reference: SecretReference) -> str | None:
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Refused(
            f"the secret {reference} is neither a key of 64 hexadecimal digits nor a file of exported keys",
            hint="give the key that the NAS exported, or keys.json of a saved configuration",
        ) from None
    flat: dict[str, Any] = {}
    for name, value in told.items():
        flat |= value if isinstance(value, dict) else {name: value}
    found = flat.get(dataset)
    if found is not None and not (isinstance(found, str) and _KEY.fullmatch(found)):
        raise Refused(f"what the secret {reference} holds for {dataset} is no key", hint="look at that file")
    return found
