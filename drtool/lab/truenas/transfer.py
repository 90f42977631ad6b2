"""Files in and out: `/_download` and `/_upload`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from drtool.lab.truenas.answers import Json, ValidationErrors
from drtool.lab.truenas.dispatch import Methods, begin, call_of
from drtool.lab.truenas.registry import Method, allowed, bind

if TYPE_CHECKING:
    from drtool.lab.truenas.appliance import Appliance

_LARGEST_UPLOAD: Final = 10 << 20
_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in HTTP; a `broken` one ends before it is whole."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    chunked: bool = False
    broken: bool = False
    filename: str | None = None
    """Under which name it wants to be kept."""


async def download(appliance: Appliance, path: str, token: str, peer: str) -> Answer:
    """Answer `/_download/ID?auth_token=…`: once, for whom it was made, without length or checksum.

    Of a job that failed comes a short answer that looks whole: its state has to be asked for.
    """
    number = path.rpartition("/")[2]
    faults = appliance.faults.of("/_download")
    taken = appliance.take_token(token, peer)
    if not number.isdigit():
        return Answer(404, b"")
    if taken is None or taken.job != int(number):
        return Answer(401, b"")
    if any(fault.kind == "cut_before" for fault in faults):
        return Answer(200, b"", chunked=True, broken=True)
    known = {job["id"] for job in appliance.jobs.rows(raw=False, user=None)}
    if int(number) not in known:
        return Answer(404, b"")
    job = appliance.jobs.get(int(number))
    await job.ended.wait()
    body = appliance.downloads.pop(job.id, None)
    if body is None and job.state == "SUCCESS":
        return Answer(410, b"")
    whole = body or b""
    if any(fault.kind == "cut_after" for fault in faults):
        return Answer(200, whole[: len(whole) // 2], "application/octet-stream", chunked=True, broken=True)
    if job.state != "SUCCESS":
        whole = whole[: len(whole) // 2]
    return Answer(200, whole, "application/octet-stream", chunked=True, filename=taken.filename)


async def upload(
    appliance: Appliance, methods: Methods, verb: str, authorization: str, kind: str, body: bytes, *, peer: str, secure: bool
) -> Answer:
    """Answer `POST /_upload`: part `data` names method and params, part `file` is what the job reads."""
    if verb != "POST":
        return Answer(405, b"405: Method Not Allowed")
    user = _user_of(appliance, authorization, peer, secure=secure)
    if not user:
        return Answer(401, b"Unauthenticated")
    parts = _parts_of(kind, body)
    if len(parts) < _PARTS:
        return Answer(405, b"No data or file part on request")
    try:
        asked: Json = json.loads(parts["data"])
        method = methods[asked["method"]]
    except (KeyError, ValueError, TypeError):
        return Answer(422, b"Unable to parse data")
    if method.pipe != "input" or not method.is_in(appliance.state.profile):
        return Answer(422, b"This method does not take a file")
    if not allowed(appliance.roles_of(user), method):
        return Answer(403, b"Forbidden")
    if len(parts["file"]) > _LARGEST_UPLOAD:
        return Answer(422, b"File is too large")
    return _begun(appliance, methods, method, asked.get("params", []), user, parts["file"])


def _begun(appliance: Appliance, methods: Methods, method: Method, params: Json, user: str, content: bytes) -> Answer:
    faults = appliance.faults.of(method.name)
    try:
        arguments = bind(method.arguments, params)
    except ValidationErrors as error:
        return Answer(422, error.text().encode())
    call = call_of(appliance, methods, None, user, faults, upload=content)
    job = begin(appliance, method, call, arguments, params, message=None, faults=faults)
    appliance.note(method.name, params, user, "done")
    return Answer(200, json.dumps({"job_id": job.id}).encode(), "application/json")


def _user_of(appliance: Appliance, authorization: str, peer: str, *, secure: bool) -> str:
    word, _, secret = authorization.partition(" ")
    if word == "Token":
        token = appliance.take_token(secret, peer)
        return token.user if token is not None and not token.job else ""
    key = appliance.state.key_of(secret) if word == "Bearer" else None
    if key is None or key.revoked:
        return ""
    if not secure:
        appliance.revoke(key)
        return ""
    return key.user


def _parts_of(kind: str, body: bytes) -> dict[str, bytes]:
    """Return the parts of a form by their names."""
    boundary = kind.partition("boundary=")[2].strip().strip('"').encode()
    if not kind.startswith("multipart/form-data") or not boundary:
        return {}
    found = {}
    for part in body.split(b"--" + boundary)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        if blank and name:
            found[name] = content.removesuffix(b"\r\n")
    return found
