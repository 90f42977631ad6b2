"""From restic's exit code and words to our errors, for 0.14 to 0.19: translated once, here."""

from __future__ import annotations

import re
from dataclasses import replace

from drtool.model.command import Completed
from drtool.model.errors import Corrupt, DrtoolError, Locked, NoRepository, NotFound, Refused, Unavailable, WrongKey
from drtool.repositories.restic.output import words

NO_REPOSITORY_CODE = 10
LOCKED_CODE = 11
WRONG_KEY_CODE = 12

_WRONG_KEY = re.compile(r"wrong password or no key found", re.IGNORECASE)
_LOCKED = re.compile(r"already locked|repository is (?:exclusively )?locked", re.IGNORECASE)
_DAMAGE = re.compile(
    r"ciphertext verification failed|hash mismatch|invalid data returned|repository contains errors|repository (?:is|may be) damaged"
    r"|pack [0-9a-f]+.*(?:does not exist|contains? .*error|missing|failed to|unexpected)|(?:blob|tree|id) [0-9a-f]+.*not found"
    r"|not found in (?:repository|any index)|unable to load (?:tree|blob)|load(?:ing)? tree .*|wrong (?:data|hash|size)|is truncated"
    r"|too short"
    r"|(?:<|\b)(?:data|index|snapshot|pack)/[0-9a-f]{8,}.*(?:no such file|does not exist|nosuchkey|not found|invalid)"
    r"|(?:<|\b)(?:data|index|snapshot|pack)/[0-9a-f]{8,}.*unexpected(?! http response)"
    r"|/(?:data/[0-9a-f]{2}|index|snapshots)/[0-9a-f]{64}.*(?:no such file|does not exist)"
    r"|unexpected (?:size|end of|pack)|integrity|corrupt",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"unexpected eof|content.?length|short body|stream error|server closed|transport connection|http2:|use of closed network"
    r"|connection (?:reset|closed|lost|timed out|aborted)|i/o timeout|broken pipe|\b50[0234]\b|\b429\b|slow ?down|request canceled",
    re.IGNORECASE,
)
"""A body that did not come whole says nothing about what lies there."""
_ON_DISK = re.compile(r"/data/[0-9a-f]{2}/|of a file on this disk", re.IGNORECASE)
_SURE_DAMAGE = re.compile(
    r"ciphertext verification failed|hash mismatch|invalid data returned|wrong hash|too short|is truncated|of a file on this disk",
    re.IGNORECASE,
)
"""A digest that disagrees is damage whatever else went wrong before."""
_END_OF_FILE = re.compile(r"<(?:data|index|snapshot|key)/[0-9a-f]+>[^\n]*\bEOF\b")
_FULL = re.compile(
    r"no space left|disk quota|quota ?exceeded|insufficient ?storage|storage ?full|edquot|\b507\b|minimum free drive|exceeds? .{0,20}quota",
    re.IGNORECASE,
)
_SKEWED = re.compile(r"requesttime ?too ?skewed|difference between the request time|requestexpired|request has expired", re.IGNORECASE)
_EXPIRED = re.compile(
    r"expired ?token|tokenrefreshrequired|token.{0,30}(?:expired|malformed|invalid)|invalid ?(?:client)?token|security token", re.IGNORECASE
)
_REGION = re.compile(
    r"authorizationheadermalformed|authorization header is malformed|region.{0,40}(?:is wrong|not match|invalid)|invalid ?region"
    r"|illegallocationconstraint|wrong region|expecting '[a-z0-9-]+'",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"(?:permanent|temporary) ?redirect|moved permanently|must be addressed using|\b30[1278]\b|specified (?:temporary )?endpoint",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    r"permission denied|access ?denied|403 forbidden|\b403\b|\b401\b|unauthorized|read-only file system|operation not permitted"
    r"|signaturedoesnotmatch|invalidaccesskeyid|signature we calculated|access key id|access to this object has been disabled"
    r"|account is not signed up|problem with your account|storage class",
    re.IGNORECASE,
)
_STAYS = re.compile(r"(?:remove\(<[^>]*>\)|blob not removed)[^\n]*\b403\b", re.IGNORECASE)
_NOBODY = re.compile(r"\(401\)|\b401 unauthorized", re.IGNORECASE)
_NOT_UNDERSTOOD = re.compile(
    r"\b40[05]\b|bad request|method not allowed|specified bucket is not valid|last-modified time format|invalid ?bucketname|html",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"slow ?down|reduce your request rate|too many requests|\b429\b|throttl|requestlimitexceeded|requesttimeout|bandwidthlimit",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connection (?:refused|reset|timed out|closed|lost|aborted)|no such host|i/o timeout|network is unreachable|no route to host|dial tcp"
    r"|tls handshake|broken pipe|service ?unavailable|\b50[0234]\b|\b5[29][0-9]\b|could not resolve|unable to start the sftp session"
    r"|host key verification|ssh command exited|request canceled|deadline exceeded|temporary failure|not initialized|internal ?error"
    r"|unexpected eof|received message too long|packet too long|server closed|http2:|use of closed network",
    re.IGNORECASE,
)
_MISSING = re.compile(
    r"repository does not exist"
    r"|(?:unable to open config file|<config/?>).*(?:specified key does not exist|no such file|does not exist|not ?found|nosuchkey|\b404\b)"
    r"|bucket does not exist|nosuchbucket",
    re.IGNORECASE,
)
"""Words that say so: that restic asks `Is there a repository at the following location?` only means that it could not look."""
_PANICKED = re.compile(r"^panic: .*$", re.MULTILINE)
_LOADED = re.compile(r"\(\*Repository\)\.LoadUnpacked\([^\n]*?, 0x([345]), \{((?:0x[0-9a-f]{1,2}, )+)")
"""The call that restic 0.19 dies in when an object is shorter than any that it writes: its kind, and how its name begins."""
_FOLDERS = {"3": "locks", "4": "snapshots", "5": "index"}
_UNKNOWN_ID = re.compile(r"no matching id found|no snapshot found|invalid id", re.IGNORECASE)

_URL = re.compile(r"(?:https?|s3|rest|sftp):\S+|retrying after \S+|\b[0-9a-f]{8,}\b|, \d+, \d+\)", re.IGNORECASE)
"""Ports, ids and waits are no status."""
_SFTP_HINT = "a login shell that prints something breaks sftp: let it print nothing for those who are no terminal"
_TOO_LONG = re.compile(r"(?:message|packet) too long", re.IGNORECASE)
_HOST_KEY_HINT = "log in there once by ssh as the user that runs drtool, and compare the fingerprint it shows (or write it to known_hosts)"
_HOST_KEY = re.compile(r"host key verification", re.IGNORECASE)
_UNCURED = re.compile(rf"{_TOO_LONG.pattern}|host key verification|name or service not known|no such host", re.IGNORECASE)
"""What keeps a store silent until a person changes something: the name service, too, says otherwise when it is only away."""
RETRYING = re.compile(rb"retrying after|returned error, retrying", re.IGNORECASE)


def is_damage(text: str) -> bool:
    """Tell whether words speak of data that disagrees with its digests or is gone; an answer that was cut on its way is neither."""
    return any(_DAMAGE.search(line) is not None and not is_cut(line) for line in text.splitlines())


def of_disk(text: str) -> str:
    """Return what restic says of a repository on a path: there is no way that could cut an answer, so a file is not whole."""
    return _END_OF_FILE.sub(r"\g<0>, the end of a file on this disk, too short", text)


def as_of_disk(completed: Completed) -> Completed:
    """Return how a command on a path ended that failed, with `of_disk` said in its words."""
    if completed.exit_code == 0:
        return completed
    return replace(completed, standard_error=of_disk(completed.standard_error.decode("utf-8", "replace")).encode("utf-8", "replace"))


def is_cut(line: str) -> bool:
    """Tell whether a line says that an answer did not come whole; on a disk there is no way that could cut it."""
    return _CUT.search(_URL.sub(" ", line)) is not None and _ON_DISK.search(line) is None


def is_permanent(text: str) -> bool:
    """Tell whether words name a cause that trying again does not cure: no room, no right, no such bucket, a wrong clock or region."""
    text = _URL.sub(" ", text)
    if _BUSY.search(text) is not None:
        return False
    causes = (_FULL, _SKEWED, _EXPIRED, _REGION, _ELSEWHERE, _FORBIDDEN, _NOT_UNDERSTOOD, _MISSING)
    return any(pattern.search(text) is not None for pattern in causes)


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
    if (panicked := _PANICKED.search(text)) is not None:
        return _panic(text, panicked.group(), repository=repository, verb=verb)
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
    told = _URL.sub(" ", text)
    silent = _silence(told, said=said, repository=repository)
    if code == NO_REPOSITORY_CODE or (_MISSING.search(text) and silent is None and not _FORBIDDEN.search(told)):
        return NoRepository(
            f"there is no repository {repository} at its address: {said}",
            hint=f"check the address, and that it is mounted: {doctor}",
            safe="nothing was changed",
        )
    if _FULL.search(told):
        return Refused(
            f"the repository {repository} is full: {said}",
            hint=f"make room there, or: drtool prune {repository}",
            safe="what was stored before is untouched",
        )
    if is_damage(text) and (silent is None or _SURE_DAMAGE.search(text)):
        return Corrupt(
            f"data in the repository {repository} is damaged; restic could not {verb}: {said}",
            hint=f"drtool verify {repository}; use another copy for a restore",
            safe="other copies are untouched",
            repository=repository,
        )
    refusal = _refusal(told, said=said, repository=repository, verb=verb)
    return silent or refusal or _other(text, code=code, repository=repository, verb=verb)


def _panic(text: str, said: str, *, repository: str, verb: str) -> Refused:
    """Return what a restic that died of a fault of its own means, without its stack: what it died of, where that tells."""
    found = _LOADED.search(text)
    if found is None:
        what = f"restic died of a fault of its own and could not {verb} ({repository}): {said}"
        return Refused(what, hint="another restic (restic self-update; --restic PATH)", safe="nothing was removed")
    folder, start = _FOLDERS[found.group(1)], "".join(f"{int(byte, 16):02x}" for byte in found.group(2).split(", ") if byte)
    return Refused(
        f"restic could not {verb} ({repository}): {folder}/{start}… there is too short, and restic dies of it",
        hint=f"where the store lies, in the folder of that repository: rm {folder}/{start}*  (then look who put it there)",
        safe="nothing was removed; what restic wrote is untouched",
    )


def _silence(text: str, *, said: str, repository: str) -> Unavailable | None:
    """Return what keeps a store from answering, where trying again may help."""
    safe = "nothing was removed"
    if _BUSY.search(text):
        return Unavailable(f"the server of {repository} is asked too often: {said}", hint="wait a little; then again", safe=safe)
    if not _UNREACHABLE.search(text) or _ON_DISK.search(text):
        return None
    hint = _SFTP_HINT if _TOO_LONG.search(text) else f"drtool doctor {repository}"
    if _HOST_KEY.search(text):
        hint = _HOST_KEY_HINT
    error = Unavailable(f"the repository {repository} does not answer: {said}", hint=hint, safe=safe)
    error.transient = _UNCURED.search(text) is None
    return error


def _other(text: str, *, code: int, repository: str, verb: str) -> DrtoolError:
    said, doctor = last_words(text), f"drtool doctor {repository}"
    if "invalid backend" in text:
        return Refused(
            f"this restic cannot reach the kind of store that {repository} lies in: {said}",
            hint="Debian builds restic without azure: take upstream's program (--restic PATH), or reach it by rclone:",
            safe="nothing was started",
        )
    if 'exec: "rclone"' in text:
        return Refused(
            f"restic needs rclone to reach {repository}, and there is none: {said}",
            hint="apt-get install rclone",
            safe="nothing was started",
        )
    if _UNKNOWN_ID.search(text):
        return NotFound(f"restic could not {verb} ({repository}): {said}", hint=f"drtool points --refresh, and {doctor}")
    if code < 0:
        return Refused(f"restic was ended by signal {-code} and could not {verb} ({repository})", hint=doctor)
    return Refused(f"restic could not {verb} ({repository}), exit code {code}: {said or 'it said nothing'}", hint=doctor)


def _refusal(text: str, *, said: str, repository: str, verb: str) -> Refused | None:
    """Return what a store that answers refuses, by its own words; None when it refuses nothing that is known."""
    safe = "nothing was changed"
    if _SKEWED.search(text):
        what = f"the clocks of this machine and of the server of {repository} disagree: {said}"
        return Refused(what, hint="set this machine's clock: timedatectl", safe=safe)
    if _EXPIRED.search(text):
        return Refused(f"the credentials of {repository} are no longer taken: {said}", hint="renew the token in `environment:`", safe=safe)
    if _REGION.search(text):
        what = f"{repository} lies in another region than its requests are signed for: {said}"
        return Refused(what, hint="write AWS_DEFAULT_REGION in `environment:` of that repository", safe=safe)
    if _ELSEWHERE.search(text):
        return Refused(f"{repository} lies elsewhere, says the server at its address: {said}", hint="correct its address", safe=safe)
    if _FORBIDDEN.search(text):
        hint = "check owner, mode and credentials; of a bucket also this machine's clock"
        if _NOBODY.search(text):
            hint = "correct user and password in `environment:` of that repository, or what was exported on a bare machine"
        if _STAYS.search(text):
            hint = "this store lets nothing be removed: give that copy a rule of its own that keeps all, such as {keep: {within: 520w}}"
        return Refused(f"permission denied; restic could not {verb} ({repository}): {said}", hint=hint)
    if _NOT_UNDERSTOOD.search(text):
        hint = "check bucket, region and token; does an S3 server answer at that address?"
        return Refused(f"the server of {repository} does not take what restic asks: {said}", hint=hint, safe=safe)
    return None
