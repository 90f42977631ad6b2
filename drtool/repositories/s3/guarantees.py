"""How a bucket protects what is in it: versioning, Object Lock, what a new object gets, and rules that would undo it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.immutable import BucketLock
from drtool.process import shown
from drtool.repositories.s3.client import Bucket, gone

_YEAR_DAYS: Final = 365


def read_guarantees(bucket: Bucket, *, now: datetime) -> BucketLock:
    """Ask the bucket; what these credentials may not ask is told as that. NotFound where there is no bucket.

    Values count, not answers: a server that answers 200 with an empty document protects nothing.
    """
    unasked: list[str] = []
    versioning = _asked(bucket, "get_bucket_versioning", unasked)
    locking = _asked(bucket, "get_object_lock_configuration", unasked, "ObjectLockConfigurationNotFoundError")
    rules = _asked(bucket, "get_bucket_lifecycle_configuration", unasked, "NoSuchLifecycleConfiguration")
    configuration = locking.get("ObjectLockConfiguration") or {}
    default = (configuration.get("Rule") or {}).get("DefaultRetention") or {}
    return BucketLock(
        versioning=str(versioning.get("Status") or ""),
        object_lock=configuration.get("ObjectLockEnabled") == "Enabled",
        mode=str(default.get("Mode") or ""),
        default_days=int(default.get("Days") or 0) + _YEAR_DAYS * int(default.get("Years") or 0),
        expiring=tuple(words for rule in rules.get("Rules") or () if (words := _expires(rule, bucket.prefix))),
        unasked=tuple(unasked),
        skew_seconds=_skew(versioning, now),
    )


def _asked(bucket: Bucket, operation: str, unasked: list[str], *unset: str) -> Mapping[str, Any]:
    try:
        answer = bucket.call(operation)
    except NotFound:
        raise
    except Refused:
        unasked.append(operation)
    except DrtoolError as error:
        if not gone(error, *unset):
            raise
    else:
        return answer if isinstance(answer, dict) else {}
    return {}


def _expires(rule: Mapping[str, Any], prefix: str) -> str:
    """Say what a rule takes away of what is needed; empty where it takes nothing.

    A locked version is never expired: `NoncurrentVersionExpiration` only takes what nobody needs any more. `Expiration` lays a
    delete marker over what is current, and so hides it.
    """
    if rule.get("Status") != "Enabled":
        return ""
    condition = rule.get("Filter") or {}
    begins = str((condition.get("And") or condition).get("Prefix") or rule.get("Prefix") or "")
    if not (begins.startswith(prefix) or prefix.startswith(begins)) or begins.startswith(f"{prefix}locks/"):
        return ""
    expiration = rule.get("Expiration") or {}
    if not (expiration.get("Days") or expiration.get("Date")):
        return ""
    when = f"after {int(expiration['Days'])} days" if expiration.get("Days") else "at a date"
    return f"the lifecycle rule {shown(str(rule.get('ID') or 'without a name')[:100].encode())} hides objects {when}"


def _skew(answer: Mapping[str, Any], now: datetime) -> float:
    try:
        told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return (told - now).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
