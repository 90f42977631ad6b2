"""Letting somebody in: by a token, or by a ticket with what proves that a browser meant it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final

from drtool.lab.proxmox.answers import AnswerError, Json, refused_login
from drtool.lab.proxmox.cluster import Asked, Cluster
from drtool.lab.proxmox.privileges import permissions
from drtool.lab.proxmox.state import digest_of

TICKET_SECONDS: Final = 7200
_FUTURE_SECONDS: Final = 300
_TOKEN: Final = "PVEAPIToken="  # noqa: S105 - how its header begins
_COOKIE: Final = "PVEAuthCookie"


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows: the header of a token, the header of cookies, and what proves that it was meant."""

    authorization: str = ""
    cookies: str = ""
    prevention: str = ""


def let_in(cluster: Cluster, shown: Shown, method: str) -> str:
    """Return who somebody is; refused with 401, as whoever shows nothing is, or shows what is worthless."""
    if shown.authorization.startswith(_TOKEN):
        return _by_token(cluster, shown.authorization.removeprefix(_TOKEN))
    try:
        cookie = SimpleCookie(shown.cookies).get(_COOKIE)
    except CookieError:
        cookie = None
    if cookie is None:
        raise refused_login("No ticket")
    who = _by_ticket(cluster, cookie.value)
    if method != "GET" and not hmac.compare_digest(shown.prevention, _prevention(cluster, who, shown.prevention.partition(":")[0])):
        raise refused_login("Permission denied - invalid csrf token")
    return who


def _by_token(cluster: Cluster, text: str) -> str:
    who, _, secret = text.partition("=")
    user, _, name = who.partition("!")
    found = cluster.state.users.get(user)
    token = found.tokens.get(name) if found is not None else None
    if found is None or token is None or not hmac.compare_digest(token.digest, digest_of(secret)):
        raise refused_login()
    if not found.enable or any(until and until < cluster.now() for until in (found.expire, token.expire)):
        raise refused_login()
    return who


def _by_ticket(cluster: Cluster, ticket: str) -> str:
    words, _, signature = ticket.partition("::")
    kind, _, rest = words.partition(":")
    who, _, stamp = rest.rpartition(":")
    age = cluster.now() - _seconds(stamp)
    found = cluster.state.users.get(who)
    if kind != "PVE" or not hmac.compare_digest(signature, _signature(cluster, words)) or not -_FUTURE_SECONDS < age < TICKET_SECONDS:
        raise refused_login()
    if found is None or not found.enable or (found.expire and found.expire < cluster.now()):
        raise refused_login()
    return who


def _seconds(stamp: str) -> int:
    try:
        return int(stamp, 16)
    except ValueError:
        return 0


def _signature(cluster: Cluster, words: str) -> str:
    return hmac.new(cluster.state.seed.encode(), words.encode(), hashlib.sha256).hexdigest()


def _prevention(cluster: Cluster, who: str, stamp: str) -> str:
    return f"{stamp}:{_signature(cluster, f'{stamp}:{who}')}"


def ticket(asked: Asked) -> Json:
    """Log somebody in by his password, or by a ticket that is still good."""
    cluster, given = asked.cluster, asked.given
    who = given["username"] if "realm" not in given else f"{given['username']}@{given['realm']}"
    found = asked.state.users.get(who)
    if not _proves(cluster, who, given["password"]) or found is None or not found.enable:
        raise AnswerError(401, "authentication failure")
    stamp = f"{cluster.now():08X}"
    words = f"PVE:{who}:{stamp}"
    return {
        "username": who,
        "ticket": f"{words}::{_signature(cluster, words)}",
        "CSRFPreventionToken": _prevention(cluster, who, stamp),
        "cap": {"vms": {name: 1 for name in permissions(asked.state, who, "/vms") if name.startswith("VM.")}},
        **({"clustername": asked.state.name} if asked.state.name else {}),
    }


def _proves(cluster: Cluster, who: str, password: str) -> bool:
    found = cluster.state.users.get(who)
    if found is not None and found.password and hmac.compare_digest(found.password, digest_of(password)):
        return True
    try:
        return _by_ticket(cluster, password) == who
    except AnswerError:
        return False
