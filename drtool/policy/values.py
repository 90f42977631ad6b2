"""Values with a meaning of their own, as pydantic types: they say what is wrong in plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from pydantic import PlainValidator, StringConstraints, WithJsonSchema

from drtool.model.bounds import is_one_line
from drtool.model.location import FAR_SCHEMES, KNOWN_FORMS, LocationError, parse_location, without_login
from drtool.model.nearest import nearest
from drtool.model.quantity import DURATION_PATTERN
from drtool.model.secret import SCHEMES, SecretReference, is_credential_name, parse_reference
from drtool.policy.units import (
    PERCENTAGE_PATTERN,
    SIZE_PATTERN,
    WrongValueError,
    parse_duration,
    parse_percentage,
    parse_size,
    shorten,
)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
HOOK_PLACE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(:[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]{0,254})?$"
LONGEST_QUIET = timedelta(minutes=10)
LONGEST_LOCK = timedelta(days=1100)
_CRON_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_CRON_HINT = 'five fields (minute hour day month weekday) as in "30 1 * * *", or @daily'
_PLACE_HINT = "write `on: SOURCE`, or `on: SOURCE:WORKLOAD` as `drtool inventory` names it"
_REFERENCE_HINT = "a secret is a reference: env:NAME, file:/path, credential:name or command:program arguments"
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _reference(value: object) -> SecretReference:
    reference = parse_reference(value) if isinstance(value, str) else None
    if reference is None:
        raise WrongValueError("must be a reference to a secret, never the secret itself", _REFERENCE_HINT)
    wrong = reference_problem(reference)
    if wrong:
        raise WrongValueError(wrong, _REFERENCE_HINT)
    return reference


def reference_problem(reference: SecretReference) -> str:
    """Tell what is wrong with the value of a reference; empty when nothing is."""
    value = reference.value
    if reference.scheme == "file" and not value.startswith("/"):
        return "the path of a secret must be absolute"
    if reference.scheme == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        return "`env:` is followed by the name of a variable"
    if reference.scheme == "file" and not is_one_line(value):
        return "the path of a secret is one line"
    if reference.scheme == "credential" and not is_credential_name(value):
        return "`credential:` is followed by a name of letters, digits and . _ - @ +, without slashes"
    return "" if value.strip() else "a reference names something"


def _quiet_time(value: object) -> timedelta:
    found = parse_duration(value)
    if not timedelta(seconds=1) <= found <= LONGEST_QUIET:
        raise WrongValueError("must be from 1s to 10m: nobody who uses it gets an answer meanwhile", "as in `quiesce: 30s`")
    return found


def _lock_time(value: object) -> timedelta:
    found = parse_duration(value)
    if not timedelta(days=1) <= found <= LONGEST_LOCK:
        hint = "as in `immutable: 30d`; what is locked in COMPLIANCE mode nobody can delete earlier, and it costs until then"
        raise WrongValueError("must be from 1d to 1100d", hint)
    return found


def _hook_place(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError("must be text", _PLACE_HINT)
    if not re.fullmatch(HOOK_PLACE_PATTERN.strip("^$"), value):
        raise WrongValueError(f"{shorten(value)} is neither the name of a source nor that of a workload", _PLACE_HINT)
    return value


def _cron(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError("must be a schedule", _CRON_HINT)
    return _read_cron(value)


@lru_cache(maxsize=1024)  # a thousand sets share a few schedules
def _read_cron(value: str) -> str:
    from croniter import croniter  # noqa: PLC0415 - only where a schedule is written

    text = value.strip()
    if text.startswith("@"):
        if text not in _CRON_NAMES:
            raise WrongValueError(f"{shorten(value)} is not a schedule", nearest(text, _CRON_NAMES))
        return text
    count = len(text.split())
    if count != 5:  # noqa: PLR2004 - the fields of cron
        raise WrongValueError(f"a schedule has five fields, this has {count}", _CRON_HINT)
    if re.search(r"(?<![A-Za-z])[HhRr](?![A-Za-z])", text):
        raise WrongValueError("a schedule has no random or hashed fields", _CRON_HINT)
    try:
        croniter(text, datetime(2026, 1, 1)).get_next(datetime)  # noqa: DTZ001 - only asks whether there is a next time
    except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
        raise WrongValueError(f"{shorten(value)} is not a schedule, or never comes", _CRON_HINT) from error
    return text


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    from zoneinfo import available_timezones  # noqa: PLC0415 - reads a directory tree

    return frozenset(available_timezones())


def _time_zone(value: object) -> str:
    zones = _zones()
    if not isinstance(value, str) or value not in zones:
        hint = nearest(value, zones, what="for example") if isinstance(value, str) else "for example Europe/Berlin"
        raise WrongValueError("is not a time zone", hint)
    return value


def _absolute(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/"):
        raise WrongValueError("must be an absolute path", "begin with /")
    return value


def _location(value: object) -> str:
    hint = KNOWN_FORMS
    if not isinstance(value, str) or not value:
        raise WrongValueError("must be the address of a restic repository", hint)
    scheme, colon, _rest = value.partition(":")
    if value.startswith("/"):
        return value
    if not colon or not _SCHEME.match(value):
        raise WrongValueError("the path of a repository must be absolute", hint)
    if scheme not in FAR_SCHEMES:
        raise WrongValueError(f"repositories of the kind {shorten(scheme)} are not understood", hint)
    try:
        parse_location(value)
    except LocationError as error:
        raise WrongValueError(f"{shorten(without_login(value))}: {error}", error.hint) from None
    return value


def _fingerprint(value: object) -> str:
    from drtool.catalog import sshsig  # noqa: PLC0415 - only policies that name signers pay for it
    from drtool.model.errors import Corrupt  # noqa: PLC0415

    hint = "the line of the recovery sheet, or of `ssh-keygen -l`: ssh-ed25519 AAAA… or SHA256:…"
    if not isinstance(value, str):
        raise WrongValueError("must be a public key or a fingerprint", hint)
    text = value.strip()
    if _FINGERPRINT.fullmatch(text):
        return text
    if text.split()[:1] != [sshsig.KEY_TYPE]:
        raise WrongValueError(f"{shorten(value)} is no public key of the type ed25519 and no fingerprint", hint)
    try:
        return sshsig.fingerprint(text)
    except Corrupt:
        raise WrongValueError(f"{shorten(value)} is no public key that OpenSSH writes", hint) from None


def _day(value: object) -> datetime:
    hint = "as in `until: 2027-06-01`: through that day, in UTC"
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise WrongValueError("must be a day", hint)
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise WrongValueError(f"{shorten(value)} is in no calendar", hint) from None


def _reason(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not is_one_line(value):
        raise WrongValueError("must be a reason, on one line", "say why nobody would miss it: can be made again, dumped by books")
    return value.strip()


OFF = "off"


def _percentage_or_off(value: object) -> float | str:
    return OFF if value == OFF else parse_percentage(value)


def _count_or_off(value: object) -> int | str:
    if value == OFF:
        return OFF
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WrongValueError("must be a whole number above 0, or off")
    return value


_REFERENCE_SCHEMA = {"type": "string", "pattern": f"^({'|'.join(SCHEMES)}):.+"}

Ups = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9\[][A-Za-z0-9_.:\[\]-]*)?$", max_length=300)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=100)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
Reference = Annotated[SecretReference, PlainValidator(_reference), WithJsonSchema(_REFERENCE_SCHEMA)]
Duration = Annotated[timedelta, PlainValidator(parse_duration), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
QuietTime = Annotated[timedelta, PlainValidator(_quiet_time), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
LockTime = Annotated[timedelta, PlainValidator(_lock_time), WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN})]
Size = Annotated[int, PlainValidator(parse_size), WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN})]
Cron = Annotated[str, PlainValidator(_cron), WithJsonSchema({"type": "string", "examples": ["30 1 * * *", "@daily"]})]
TimeZone = Annotated[str, PlainValidator(_time_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})]
Day = Annotated[datetime, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date", "examples": ["2027-06-01"]})]
Reason = Annotated[str, PlainValidator(_reason), WithJsonSchema({"type": "string", "minLength": 1})]
HookPlace = Annotated[str, PlainValidator(_hook_place), WithJsonSchema({"type": "string", "pattern": HOOK_PLACE_PATTERN})]
Fingerprint = Annotated[
    str, PlainValidator(_fingerprint), WithJsonSchema({"type": "string", "pattern": "^(SHA256:|ssh-ed25519 )", "maxLength": 1000})
]
AbsolutePath = Annotated[str, PlainValidator(_absolute), WithJsonSchema({"type": "string", "pattern": "^/"})]
Location = Annotated[str, PlainValidator(_location), WithJsonSchema({"type": "string", "pattern": rf"^(/|({'|'.join(FAR_SCHEMES)}):)"})]
PercentageOrOff = Annotated[
    float | str,
    PlainValidator(_percentage_or_off),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PERCENTAGE_PATTERN}, {"const": OFF}]}),
]
CountOrOff = Annotated[
    int | str,
    PlainValidator(_count_or_off),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": OFF}]}),
]
