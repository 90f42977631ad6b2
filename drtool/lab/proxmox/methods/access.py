"""Who is let in, and what he may do: tickets, users, tokens, roles, the access list."""

from __future__ import annotations

import re
from typing import Final

from drtool.lab.proxmox.answers import Json, died, forbidden, wrong
from drtool.lab.proxmox.calls import EVERYBODY, Call, Needs
from drtool.lab.proxmox.cluster import Asked
from drtool.lab.proxmox.login import ticket
from drtool.lab.proxmox.parameters import Parameter, flag, split, text, whole
from drtool.lab.proxmox.privileges import built_in, effective, every_privilege, every_role, may, permissions, require, require_any
from drtool.lab.proxmox.state import Grant, Token, User, digest_of

_NAME: Final = r"[A-Za-z][A-Za-z0-9._-]+"
_WHOSE: Final = rf"[^\s:/]+@{_NAME}(?:!{_NAME})?"
_ANY_NAME: Final = r"[A-Za-z0-9._-]+"
_PATHS: Final = "|".join(
    (
        r"/|/vms(?:/[1-9][0-9]{2,})?|/access(?:/(?:groups|realm)(?:/[A-Za-z0-9._-]+)?)?",
        rf"/(?:nodes|storage)(?:/{_ANY_NAME})?|/pool(?:/{_ANY_NAME}){{0,3}}|/mapping(?:/{_ANY_NAME}){{0,2}}|/sdn(?:/{_ANY_NAME}){{0,4}}",
    )
)
"""What may stand in the access list."""
_KEEPERS: Final = {"storage": "Datastore.Allocate", "vms": "VM.Allocate", "pool": "Pool.Allocate"}
"""Who may give away what lies below a path besides whoever may change permissions at all."""


def held(asked: Asked) -> Json:
    """Return what somebody may do: whoever asks, tokens of his own, and with the right to audit it anybody."""
    who = asked.given.get("userid", asked.who)
    if asked.who not in {who, who.partition("!")[0]}:
        require(asked.state, asked.who, "/access", "Sys.Audit")
    path = asked.given.get("path")
    found = effective(asked.state, who) if path is None else {path: permissions(asked.state, who, path)}
    return {each: {name: int(below) for name, below in sorted(privileges.items())} for each, privileges in found.items()}


def users(asked: Asked) -> Json:
    """Return the accounts somebody may see; his own always."""
    state, given = asked.state, asked.given
    everybody = may(state, asked.who, "/access/groups", "User.Modify", "Sys.Audit")
    return [
        _user(name, user, full=given.get("full", False))
        for name, user in state.users.items()
        if (everybody or name == asked.who) and given.get("enabled") in {None, user.enable}
    ]


def _user(name: str, user: User, *, full: bool) -> Json:
    told: dict[str, Json] = {"userid": name, "enable": int(user.enable), "expire": user.expire, "realm-type": name.rpartition("@")[2]}
    told |= {"comment": user.comment} if user.comment else {}
    return (
        {**told, "groups": ",".join(user.groups), "tokens": [_token(each, token) for each, token in user.tokens.items()]} if full else told
    )


def _token(name: str, token: Token) -> dict[str, Json]:
    told: dict[str, Json] = {"tokenid": name, "privsep": int(token.privsep), "expire": token.expire}
    return {**told, "comment": token.comment} if token.comment else told


def user(asked: Asked) -> Json:
    """Return one account."""
    name = asked.given["userid"]
    found = _user_of(asked)
    _require_keeper(asked, found, "User.Modify", "Sys.Audit")
    told = {key: value for key, value in _user(name, found, full=False).items() if key not in {"userid", "realm-type"}}
    tokens = {each: {key: value for key, value in _token(each, token).items() if key != "tokenid"} for each, token in found.tokens.items()}
    return {**told, "groups": found.groups, "tokens": tokens}


def tokens(asked: Asked) -> Json:
    """Return the tokens of an account."""
    found = _user_of(asked)
    _require_own(asked, found)
    return [_token(name, token) for name, token in found.tokens.items()]


def add_user(asked: Asked) -> Json:
    """Make an account."""
    asked.cluster.require_quorum("user_cfg")
    name, given = asked.given["userid"], asked.given
    groups = split(given.get("groups", ""))
    for path in [f"/access/groups/{group}" for group in groups] or ["/access/groups"]:
        require_any(asked.state, asked.who, path, "User.Modify")
    require_any(asked.state, asked.who, f"/access/realm/{name.rpartition('@')[2]}", "Realm.AllocateUser")
    if name in asked.state.users:
        raise died(f"create user failed: user '{name}' already exists")
    password = digest_of(given["password"]) if "password" in given else ""
    asked.state.users[name] = User(given.get("enable", True), given.get("expire", 0), given.get("comment", ""), password, groups)
    return None


def add_token(asked: Asked) -> Json:
    """Make a token and return its secret, which nobody is told again."""
    asked.cluster.require_quorum("user_cfg")
    given, name = asked.given, asked.given["tokenid"]
    found = _user_of(asked)
    _require_own(asked, found)
    if name in found.tokens:
        raise wrong({"tokenid": "Token already exists."})
    privsep, expire, comment = given.get("privsep", True), given.get("expire", 0), given.get("comment", "")
    secret = asked.state.add_token(given["userid"], name, privsep=privsep, expire=expire, comment=comment)
    told = {key: value for key, value in _token(name, found.tokens[name]).items() if key != "tokenid"}
    return {"full-tokenid": f"{given['userid']}!{name}", "info": {**told, "privsep": str(int(privsep))}, "value": secret}


def roles(asked: Asked) -> Json:
    """Return all roles."""
    return [
        {"roleid": name, "privs": ",".join(sorted(privileges)), "special": int(built_in(name, asked.state))}
        for name, privileges in sorted(every_role(asked.state).items())
    ]


def role(asked: Asked) -> Json:
    """Return the privileges of a role."""
    found = every_role(asked.state).get(asked.given["roleid"])
    if found is None:
        raise died(f"role '{asked.given['roleid']}' does not exist")
    return dict.fromkeys(sorted(found), 1)


def add_role(asked: Asked) -> Json:
    """Make a role; 400 names a privilege that the release does not know."""
    asked.cluster.require_quorum("user_cfg")
    name, privileges = asked.given["roleid"], split(asked.given.get("privs", ""))
    if name.startswith("PVE"):
        raise wrong({"roleid": "role ID may not start with the reserved prefix 'PVE'"})
    if name in every_role(asked.state):
        raise died(f"create role failed: role '{name}' already exists")
    for privilege in privileges:
        if privilege not in every_privilege(asked.state.release):
            raise wrong({"privs": f"invalid privilege '{privilege}'"})
    asked.state.roles[name] = privileges
    return None


def grants(asked: Asked) -> Json:
    """Return the access list, as far as somebody may change or audit it."""
    audits = may(asked.state, asked.who, "/access", "Sys.Audit")
    return [
        {"path": each.path, "type": each.kind, "ugid": each.holder, "roleid": each.role, "propagate": int(each.propagate)}
        for each in asked.state.grants
        if audits or _keeps(asked, each.path)
    ]


def change_grants(asked: Asked) -> Json:
    """Give roles on a path to users, groups and tokens, or take them away."""
    asked.cluster.require_quorum("user_cfg")
    given, state, path = asked.given, asked.state, _path(asked.given["path"])
    if not _keeps(asked, path):
        raise forbidden(path, "Permissions.Modify")
    for name in split(given["roles"]):
        if name not in every_role(state):
            raise wrong({"roles": f"role '{name}' does not exist"})
        for kind, holder in _holders(asked):
            state.grants = [each for each in state.grants if (each.path, each.kind, each.holder, each.role) != (path, kind, holder, name)]
            if not given.get("delete"):
                state.grants.append(Grant(path, kind, holder, name, given.get("propagate", True)))
    return None


def _path(given: str) -> str:
    """Return a path of the access list as it is kept; 400 where nothing of the cluster stands at it."""
    path = f"/{given.strip('/')}"
    if not re.fullmatch(_PATHS, path):
        raise wrong({"path": f"invalid ACL path '{given}'"})
    return path


def _holders(asked: Asked) -> list[tuple[str, str]]:
    given, known = asked.given, asked.state.users
    users, groups, tokens = (split(given.get(name, "")) for name in ("users", "groups", "tokens"))
    for name in users:
        if name not in known:
            raise wrong({"users": f"user '{name}' does not exist"})
    for name in groups:
        if name not in asked.state.groups:
            raise wrong({"groups": f"group '{name}' does not exist"})
    for name in tokens:
        owner, _, token = name.partition("!")
        if owner not in known or token not in known[owner].tokens:
            raise wrong({"tokens": f"no such token '{token}' for user '{owner}'"})
    found = [*(("user", name) for name in users), *(("group", name) for name in groups), *(("token", name) for name in tokens)]
    if not found:
        raise wrong(dict.fromkeys(("users", "groups", "tokens"), "either 'users', 'groups' or 'tokens' is required"))
    return found


def _keeps(asked: Asked, path: str) -> bool:
    keeper = _KEEPERS.get(path.partition("/")[2].partition("/")[0])
    return may(asked.state, asked.who, path, "Permissions.Modify", *([keeper] if keeper else []))


def _user_of(asked: Asked) -> User:
    name = asked.given["userid"]
    if name not in asked.state.users:
        raise died(f"no such user ('{name}')")
    return asked.state.users[name]


def _require_own(asked: Asked, found: User) -> None:
    if asked.given["userid"] != asked.who:
        _require_keeper(asked, found, "User.Modify")


def _require_keeper(asked: Asked, found: User, *privileges: str) -> None:
    """Refuse somebody who looks after neither all groups nor one that the account is in."""
    if not any(may(asked.state, asked.who, f"/access/groups/{group}", *privileges) for group in found.groups):
        require_any(asked.state, asked.who, "/access/groups", *privileges)


_USER: Final = text("pve-userid", needed=True, longest=64)
_TOKEN_ID: Final = text(needed=True, pattern=_NAME)
_EXPIRE: Final = whole(least=0)
CALLS: Final = (
    Call(
        "POST",
        "/access/ticket",
        ticket,
        {
            "username": text(needed=True, longest=64),
            "password": text(needed=True),
            "realm": text("pve-realm", longest=32),
            "otp": text(),
            "tfa-challenge": text(),
            "new-format": flag(),
            "path": text(longest=64, requires="privs"),
            "privs": text("pve-priv-list", longest=64, requires="path"),
        },
        EVERYBODY,
    ),
    Call("GET", "/access/permissions", held, {"path": text(), "userid": text(pattern=_WHOSE)}),
    Call("GET", "/access/users", users, {"enabled": flag(), "full": flag()}),
    Call(
        "POST",
        "/access/users",
        add_user,
        {
            "userid": _USER,
            "comment": text(longest=2048),
            "email": text("email-opt", longest=254),
            "enable": flag(),
            "expire": _EXPIRE,
            "firstname": text(longest=1024),
            "lastname": text(longest=1024),
            "groups": text("pve-groupid-list"),
            "keys": text(pattern=r"[0-9a-zA-Z!=]{0,4096}"),
            "password": Parameter("string", shortest=8, longest=64),
        },
    ),
    Call("GET", "/access/users/{userid}", user, {"userid": _USER}),
    Call("GET", "/access/users/{userid}/token", tokens, {"userid": _USER}),
    Call(
        "POST",
        "/access/users/{userid}/token/{tokenid}",
        add_token,
        {"userid": _USER, "tokenid": _TOKEN_ID, "comment": text(), "expire": _EXPIRE, "privsep": flag()},
    ),
    Call("GET", "/access/roles", roles),
    Call(
        "POST",
        "/access/roles",
        add_role,
        {"roleid": text("pve-roleid", needed=True), "privs": text("pve-priv-list")},
        Needs("/access", ("Sys.Modify",)),
    ),
    Call("GET", "/access/roles/{roleid}", role, {"roleid": text("pve-roleid", needed=True)}),
    Call("GET", "/access/acl", grants),
    Call(
        "PUT",
        "/access/acl",
        change_grants,
        {
            "path": text(needed=True),
            "roles": text("pve-roleid-list", needed=True),
            "propagate": flag(),
            "delete": flag(),
            "users": text("pve-userid-list"),
            "groups": text("pve-groupid-list"),
            "tokens": text("pve-tokenid-list"),
        },
    ),
)
