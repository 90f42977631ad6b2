"""What the NAS offers around keys. A secret goes into a request and into no message."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drtool.model.errors import DrtoolError, Refused, TimedOut, Unavailable
from drtool.model.secret import Secret
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset, find_dataset

PASSPHRASE: Final = "PASSPHRASE"  # noqa: S105 - the vendor's word for a form of key
_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Root:
    """What the NAS says of one encryption root: whether what it was given, or else what it keeps itself, opens it, and why not."""

    name: str
    form: str
    opens: bool
    locked: bool
    why: str = ""


def encryption_summary(client: ApiClient, name: str, secrets: Mapping[str, Mapping[str, Secret]] | None = None) -> tuple[Root, ...]:
    """Try keys without using them: a dry run of an unlock, of every encryption root at a dataset and below it.

    `secrets` has per root `{"key": …}` or `{"passphrase": …}`; without one the NAS tries the key that it keeps.
    """
    given = [{"name": root, **_revealed(secret)} for root, secret in (secrets or {}).items()]
    with hidden(*(one for secret in (secrets or {}).values() for one in secret.values())):
        call = ("pool.dataset.encryption_summary", name, {"datasets": given})
        rows = client.wait_for_job(int(client.read(*call)), *call, what=f"trying the keys of {name}", timeout_seconds=_SECONDS)
    return tuple(
        Root(
            str(row["name"]),
            str(row.get("key_format") or ""),
            bool(row.get("valid_key")),
            bool(row.get("locked")),
            str(row.get("unlock_error") or ""),
        )
        for row in rows or ()
    )


def opens(client: ApiClient, root: str, secret: Mapping[str, Secret] | None = None) -> bool:
    """Tell whether a secret opens an encryption root; without one, whether the key does that the NAS keeps under its name."""
    told = encryption_summary(client, root, {root: secret} if secret else None)
    return any(each.name == root and each.opens for each in told)


def exported_key(client: ApiClient, root: str) -> Secret | None:
    """Return the key that the NAS keeps under a name, None where it keeps none."""
    call = ("pool.dataset.export_key", root)
    job = client.read(*call)
    try:
        told = client.wait_for_job(int(job), *call, what=f"asking for the key of {root}", timeout_seconds=_SECONDS, raw=True)
    except Refused:
        return None
    return Secret(told) if isinstance(told, str) and told.strip("*") else None


def change_key(client: ApiClient, name: str, secret: Mapping[str, Secret]) -> None:
    """Give an encrypted dataset this key, which the NAS then keeps under its name, or passphrase; without either it makes a key itself.

    What inherited from it goes on to. Only the key around the data is changed, so it takes no time.
    """

    def is_done() -> bool:
        kept = PASSPHRASE.lower() in secret or opens(client, name)  # what opens it need not be kept: a rename leaves the key behind
        return kept and (not secret or opens(client, name, secret))

    options: dict[str, Any] = {**_revealed(secret)} or {"generate_key": True}
    _carry_out(client, "pool.dataset.change_key", (name, options), is_done, what=f"keeping the key of {name}", secret=secret)
    if not is_done():
        raise Refused(
            f"{name} did not get its key, although the NAS says that it did",
            hint="give it its key on the NAS, while it is open; then drtool doctor",
            safe="its data is as it was, and what opened it before may open it still",
        )


def inherit_key(client: ApiClient, name: str) -> None:
    """Let an encryption root share its parent's key."""

    def is_done() -> bool:
        found = find_dataset(client, name)
        return found is not None and found.encryption_root != name

    client.change("pool.dataset.inherit_parent_encryption_properties", name, look=is_done, timeout_seconds=_SECONDS)


def unlock(client: ApiClient, root: str, secret: Mapping[str, Secret]) -> None:
    """Unlock one encryption root; Refused with the NAS's reason where its job succeeded and the root stayed locked all the same."""

    def is_done() -> bool:
        found = find_dataset(client, root)
        return found is not None and not found.locked

    request = (root, {"datasets": [{"name": root, **_revealed(secret)}]})
    result = _carry_out(client, "pool.dataset.unlock", request, is_done, what=f"unlocking {root}", secret=secret)
    failed = result.get("failed") if isinstance(result, Mapping) else None
    if failed:
        why = "; ".join(f"{name}: {(told or {}).get('error')}" for name, told in sorted(failed.items()))
        raise Refused(
            f"{root} could not be unlocked ({why})",
            hint=f"its key or passphrase was changed since, or what `keys:` or `passphrases:` name for {root} is wrong: drtool doctor",
            safe="nothing was changed",
        )
    if not is_done():
        raise Refused(f"{root} is still locked, although the NAS says that it was unlocked", hint="look at it on the NAS")


def _carry_out(
    client: ApiClient, method: str, params: tuple[Any, ...], look: Callable[[], bool], *, what: str, secret: Mapping[str, Secret]
) -> Any:  # noqa: ANN401 - JSON
    with hidden(*secret.values()):
        job = client.change(method, *params, look=look, timeout_seconds=_SECONDS)
        if job is None:
            return None
        try:
            return client.wait_for_job(int(job), method, *params, what=what, timeout_seconds=_SECONDS)
        except TimedOut:
            raise  # it may be under way still, and half done
        except Unavailable:
            if look():
                return None
            raise


def _revealed(secret: Mapping[str, Secret]) -> dict[str, str]:
    return {kind: value.reveal() for kind, value in secret.items()}


@contextlib.contextmanager
def hidden(*secrets: Secret) -> Iterator[None]:
    """Keep what the NAS repeats of a secret out of an error."""
    try:
        yield
    except DrtoolError as error:
        words = [secret.reveal() for secret in secrets]
        if any(word in error.what for word in words):
            raise type(error)("the NAS refused a key, in words that repeat it", hint=error.hint, safe=error.safe) from None
        raise


def is_root(dataset: Dataset) -> bool:
    """Tell whether a dataset has a key of its own."""
    return dataset.encrypted and dataset.encryption_root == dataset.id
