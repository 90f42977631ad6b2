"""From restic's exit code and words to our errors, for 0.14 to 0.19: translated once, here."""

from __future__ import annotations

import re

from drtool.model.command import Completed
from drtool.model.errors import Corrupt, DrtoolError, Locked, NoRepository, NotFound, Refused, Unavailable, WrongKey
from drtool.offsite.restic.output import words

NO_REPOSITORY_CODE = 10
LOCKED_CODE = 11
WRONG_KEY_CODE = 12

_WRONG_KEY = re.compile(r"wrong password or no key found", re.IGNORECASE)
_LOCKED = re.compile(r"already locked|repository is (?:exclusively )?locked", re.IGNORECASE)
_DAMAGE = re.compile(
    r"ciphertext verification failed|hash mismatch|invalid data returned|repository contains errors|repository (?:is|may be) damaged"
    r"|pack [0-9a-f]+.*(?:does not exist|contains? .*error|missing|failed to|unexpected)|(?:blob|tree|id) [0-9a-f]+.*not found"
    r"|not found in (?:repository|any index)|unable to load (?:tree|blob)|load(?:ing)? tree .*|wrong (?:data|hash|size)|is truncated"
    r"|(?:<|\b)(?:data|index|snapshot|pack)/[0-9a-f]{8,}.*(?:no such file|does not exist|nosuchkey|not found|unexpected|invalid)"
    r"|/(?:data/[0-9a-f]{2}|index|snapshots)/[0-9a-f]{64}.*(?:no such file|does not exist)"
    r"|unexpected (?:size|end of|pack)|integrity|corrupt",
    re.IGNORECASE,
)
_FULL = re.compile(r"no space left|disk quota|quota exceeded|insufficient ?storage|storage ?full|edquot|507 ", re.IGNORECASE)
_FORBIDDEN = re.compile(
    r"permission denied|access ?denied|403 forbidden|\b403\b|\b401\b|unauthorized|read-only file system|operation not permitted"
    r"|signaturedoesnotmatch|invalidaccesskeyid|signature we calculated|access key id",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connection (?:refused|reset|timed out|closed)|no such host|i/o timeout|network is unreachable|no route to host|dial tcp"
    r"|tls handshake|broken pipe|service ?unavailable|\b50[0234]\b|could not resolve|unable to start the sftp session|host key verification"
    r"|ssh command exited|request canceled|deadline exceeded|temporary failure",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"is there a repository at the following location|repository does not exist|unable to open config file"
    r"|(?:specified )?bucket does not exist",
    re.IGNORECASE,
)
_UNKNOWN_ID = re.compile(r"no matching id found|no snapshot found|invalid id", re.IGNORECASE)

RETRYING = re.compile(rb"retrying after|returned error, retrying", re.IGNORECASE)


def is_damage(text: str) -> bool:
    """Tell whether words speak of data that disagrees with its digests or is gone."""
    return _DAMAGE.search(text) is not None


def is_permanent(text: str) -> bool:
    """Tell whether words name a cause that trying again does not cure: no room, no right, no such bucket."""
    return any(pattern.search(text) is not None for pattern in (_FULL, _FORBIDDEN, _MISSING))


def last_words(text: str, *, lines: int = 4, limit: int = 700) -> str:
    """Return the end of what was said, on one line."""
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(kept[-lines:])[-limit:]


def translate(completed: Completed, *, repository: str, verb: str) -> DrtoolError:
    """Return the error that a failed restic command means.

    `verb` completes the sentence "restic could not …"; `repository` is the repository's name in the policy.
    """
    return translate_words(words(completed), code=completed.exit_code, repository=repository, verb=verb)


def translate_words(text: str, *, code: int, repository: str, verb: str) -> DrtoolError:
    """Return the error that an exit code and words mean; an unknown code is a failure like any other."""
    said = last_words(text)
    doctor = f"drtool doctor {repository}"
    if code == WRONG_KEY_CODE or _WRONG_KEY.search(text):
        return WrongKey(
            f"the password does not open the repository {repository}",
            hint=f"check `password:` of {repository} in the policy, then: {doctor}",
            safe="nothing was changed",
        )
    if code == LOCKED_CODE or _LOCKED.search(text):
        return Locked(f"the repository {repository} is locked: {said}", hint=doctor, safe="nothing was changed")
    unreachable = _UNREACHABLE.search(text) is not None
    if code == NO_REPOSITORY_CODE or (_MISSING.search(text) and not unreachable and not _FORBIDDEN.search(text)):
        return NoRepository(
            f"there is no repository {repository} at its address",
            hint=f"check its address, and that it is mounted; only for a new one: drtool init {repository}",
            safe="nothing was changed",
        )
    if _FULL.search(text):
        return Refused(
            f"the repository {repository} is full: {said}",
            hint=f"make room there, or: drtool prune {repository}",
            safe="what was stored before is untouched",
        )
    if is_damage(text) and not unreachable:
        return Corrupt(
            f"data in the repository {repository} is damaged; restic could not {verb}: {said}",
            hint=f"drtool verify {repository}; use another copy for a restore",
            safe="other copies are untouched",
            repository=repository,
        )
    if unreachable:
        return Unavailable(f"the repository {repository} does not answer: {said}", hint=doctor, safe="nothing was removed")
    if _FORBIDDEN.search(text):
        return Refused(f"permission denied; restic could not {verb} ({repository}): {said}", hint="check owner, mode and credentials")
    if _UNKNOWN_ID.search(text):
        return NotFound(f"restic could not {verb} ({repository}): {said}", hint=f"drtool points --refresh, and {doctor}")
    if code < 0:
        return Refused(f"restic was ended by signal {-code} and could not {verb} ({repository})", hint=doctor)
    return Refused(f"restic could not {verb} ({repository}), exit code {code}: {said or 'it said nothing'}", hint=doctor)
