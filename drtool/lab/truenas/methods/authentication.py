"""`auth.*`: who somebody is."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import hmac
import secrets
from typing import Annotated, Final, Literal

from pydantic import Field

from drtool.lab.truenas.answers import CallError, Json, ValidationErrors, date
from drtool.lab.truenas.registry import NOBODY, Arguments, Call, Method, NoArguments
from drtool.lab.truenas.state import ROUNDS, Key

_WRONG_KEY_SECONDS: Final = 1.0


class CommonOptions(Arguments):
    user_info: bool = True


class AuthApiKeyPlain(Arguments):
    mechanism: Literal["API_KEY_PLAIN"]
    username: str
    api_key: str
    login_options: CommonOptions = CommonOptions()


class AuthPasswordPlain(Arguments):
    mechanism: Literal["PASSWORD_PLAIN"]
    username: str
    password: str
    login_options: CommonOptions = CommonOptions()


class AuthTokenPlain(Arguments):
    mechanism: Literal["TOKEN_PLAIN"]
    token: str
    login_options: CommonOptions = CommonOptions()


class AuthSCRAM(Arguments):
    mechanism: Literal["SCRAM"]
    scram_type: Literal["CLIENT_FIRST_MESSAGE", "CLIENT_FINAL_MESSAGE"]
    rfc_str: str


class LoginEx(Arguments):
    login_data: Annotated[AuthApiKeyPlain | AuthPasswordPlain | AuthTokenPlain | AuthSCRAM, Field(discriminator="mechanism")]


class LoginWithApiKey(Arguments):
    api_key: str


class LoginWithToken(Arguments):
    token: str


class GenerateToken(Arguments):
    ttl: int | None = 600
    attrs: dict[str, Json] = {}
    match_origin: bool = True
    single_use: bool = False


class NewKey(Arguments):
    name: str
    username: str


class ApiKeyCreate(Arguments):
    api_key_create: NewKey


async def login_ex(call: Call, arguments: LoginEx) -> Json:
    """Log in; what went wrong is part of the result, not an error."""
    given = arguments.login_data
    if isinstance(given, AuthSCRAM):
        if not call.appliance.state.at_least("26"):
            said = "Input tag 'SCRAM' found using 'mechanism' does not match any of the expected tags"
            raise ValidationErrors([("login_data", said, errno.EINVAL)])
        return _scram(call, given)
    if isinstance(given, AuthTokenPlain):
        user = _by_token(call, given.token)
    elif isinstance(given, AuthApiKeyPlain):
        key = await _key(call, given.api_key)
        if key is not None and key.revoked:
            return {"response_type": "EXPIRED"}
        user = _by_key(call, key) if key is not None and key.user == given.username else ""
    else:
        await asyncio.sleep(call.appliance.scaled(_WRONG_KEY_SECONDS))
        user = ""
    if not user:
        return {"response_type": "DENIED" if _denied(call, given) else "AUTH_ERR"}
    info = _information(call, user) if given.login_options.user_info else None
    later = {"reconnect_token": None} if call.appliance.state.at_least("26") else {}
    return {"response_type": "SUCCESS", "user_info": info, "authenticator": "LEVEL_1", **later}


async def login_with_api_key(call: Call, arguments: LoginWithApiKey) -> bool:
    """Log in with a key alone."""
    key = await _key(call, arguments.api_key)
    return key is not None and not key.revoked and bool(_by_key(call, key))


def login_with_token(call: Call, arguments: LoginWithToken) -> bool:
    """Log in with a token that somebody made who is logged in."""
    return bool(_by_token(call, arguments.token))


def me(call: Call, _arguments: NoArguments) -> Json:
    """Tell who is logged in, and his roles."""
    return _information(call, call.user)


def generate_token(call: Call, arguments: GenerateToken) -> str:
    """Make a token for an upload or another connection."""
    peer = call.session.peer if call.session is not None else ""
    return call.appliance.new_token(call.user, peer, seconds=float(arguments.ttl or 600))


def logout(call: Call, _arguments: NoArguments) -> bool:
    """Be nobody again."""
    if call.session is not None:
        call.session.user, call.session.key = "", None
    return True


def api_key_create(call: Call, arguments: ApiKeyCreate) -> Json:
    """Make another key for a user; it is shown this once."""
    wanted = arguments.api_key_create
    if wanted.username not in call.appliance.state.users:
        raise ValidationErrors([("api_key_create.username", "User does not exist.", 2)])
    text = call.appliance.state.add_key(wanted.username, wanted.name)
    call.appliance.save()
    number = int(text.partition("-")[0])
    return {
        "id": number,
        "name": wanted.name,
        "username": wanted.username,
        "user_identifier": list(call.appliance.state.users).index(wanted.username),
        "created_at": date(call.appliance.clock.now().timestamp()),
        "expires_at": None,
        "local": True,
        "revoked": False,
        "key": text,
        **_stored_of(call, number),
    }


def _stored_of(call: Call, number: int) -> dict[str, Json]:
    """Return what is told of how a key is kept: a hash of it, or what proves it without it."""
    state, key = call.appliance.state, call.appliance.state.keys[number]
    if not state.at_least("25.10"):
        return {"keyhash": key.digest}
    if not state.at_least("26"):
        return {"keyhash": key.digest, "revoked_reason": None}
    salt, stored, server = (base64.b64encode(bytes.fromhex(each)).decode() for each in (key.salt, key.stored_key, key.server_key))
    proof = {"iterations": ROUNDS, "salt": salt, "stored_key": stored, "server_key": server, "client_key": ""}
    return {**proof, "revoked_reason": None}


def mechanism_choices(call: Call, _arguments: NoArguments) -> list[str]:
    """Tell how one may log in; releases before 26 stumble over somebody who is not logged in yet."""
    if call.appliance.state.at_least("26"):
        return ["API_KEY_PLAIN", "TOKEN_PLAIN", "OTP_TOKEN", "PASSWORD_PLAIN", "SCRAM"]
    if not call.user:
        raise CallError("'NoneType' object has no attribute 'may_create_auth_token'", errno.EINVAL)
    return ["API_KEY_PLAIN", "TOKEN_PLAIN", "OTP_TOKEN", "PASSWORD_PLAIN"]


async def _key(call: Call, text: str) -> Key | None:
    """Return the key shown; one shown without TLS is worth nothing from then on."""
    key = call.appliance.state.key_of(text)
    if key is None:
        await asyncio.sleep(call.appliance.scaled(_WRONG_KEY_SECONDS))
    elif call.session is not None and not call.session.secure and not key.revoked:
        key.revoked = True
        call.appliance.save()
    return key


def _scram(call: Call, given: AuthSCRAM) -> Json:
    """Go one step of proving a key: the key itself is never shown."""
    session, state = call.session, call.appliance.state
    if session is None:
        return {"response_type": "AUTH_ERR"}
    told = {part[0]: part[2:] for part in given.rfc_str.removeprefix("n,,").split(",") if part[1:2] == "="}
    if given.scram_type == "CLIENT_FIRST_MESSAGE":
        user, _, number = told.get("n", "").replace("=2C", ",").replace("=3D", "=").rpartition(":")
        key = state.keys.get(int(number)) if number.isdigit() else None
        if key is None or key.user != user or not given.rfc_str.startswith("n,,") or "r" not in told:
            return {"response_type": "AUTH_ERR"}
        if key.revoked:
            return {"response_type": "EXPIRED"}
        answer = f"r={told['r']}{secrets.token_urlsafe(18)},s={base64.b64encode(bytes.fromhex(key.salt)).decode()},i={ROUNDS}"
        session.proving = (key.id, f"{given.rfc_str.removeprefix('n,,')},{answer}")
        return _scram_response("SERVER_FIRST_RESPONSE", answer)
    identity, said = session.proving or (0, "")
    session.proving = None
    key = state.keys.get(identity)
    bare, _, proof = given.rfc_str.rpartition(",p=")
    if key is None or told.get("r") != dict(each.split("=", 1) for each in said.split(",")[2:3]).get("r"):
        return {"response_type": "AUTH_ERR"}
    signed = f"{said},{bare}".encode()
    signature = hmac.new(bytes.fromhex(key.stored_key), signed, "sha512").digest()
    client = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=False))
    if hashlib.sha512(client).hexdigest() != key.stored_key or not _by_key(call, key):
        return {"response_type": "AUTH_ERR"}
    server = hmac.new(bytes.fromhex(key.server_key), signed, "sha512").digest()
    return _scram_response("SERVER_FINAL_RESPONSE", f"v={base64.b64encode(server).decode()}")


def _scram_response(kind: str, text: str) -> dict[str, Json]:
    return {"response_type": "SCRAM_RESPONSE", "scram_type": kind, "rfc_str": text, "user_info": None}


def _by_key(call: Call, key: Key) -> str:
    if call.session is None or key.user not in call.appliance.state.users:
        return ""
    call.session.user, call.session.key = key.user, key
    return key.user


def _by_token(call: Call, text: str) -> str:
    token = call.appliance.take_token(text, call.session.peer) if call.session is not None else None
    if call.session is None or token is None or token.job:
        return ""
    call.session.user = token.user
    return token.user


def _denied(call: Call, given: Json) -> bool:
    """Tell whether the newest release says no to somebody it knows and does not let in by this way."""
    return call.appliance.state.at_least("26") and isinstance(given, AuthPasswordPlain) and given.username in call.appliance.state.users


def _information(call: Call, user: str) -> dict[str, Json]:
    roles = call.appliance.roles_of(user)
    return {
        "pw_name": user,
        "pw_uid": 3000,
        "pw_gid": 3000,
        "pw_gecos": user,
        "pw_dir": "/var/empty",
        "pw_shell": "/usr/sbin/nologin",
        "source": "LOCAL",
        "local": True,
        "attributes": {},
        "two_factor_config": {"provisioning_uri": None, "secret_configured": False, "interval": 30, "otp_digits": 6},
        "privilege": {"roles": {"$set": sorted(roles)}, "web_shell": False, "webui_access": "FULL_ADMIN" in roles},
        "account_attributes": ["LOCAL", "API_KEY"],
        "grouplist": None,
        "sid": None,
    }


METHODS: Final = (
    Method("auth.login_ex", LoginEx, login_ex, roles=(NOBODY,), direct=True),
    Method("auth.login_with_api_key", LoginWithApiKey, login_with_api_key, roles=(NOBODY,), direct=True),
    Method("auth.login_with_token", LoginWithToken, login_with_token, roles=(NOBODY,), direct=True),
    Method("auth.mechanism_choices", NoArguments, mechanism_choices, roles=(NOBODY,), direct=True),
    Method("auth.me", NoArguments, me, direct=True),
    Method("auth.generate_token", GenerateToken, generate_token, direct=True),
    Method("auth.logout", NoArguments, logout, direct=True),
    Method("api_key.create", ApiKeyCreate, api_key_create, roles=("API_KEY_WRITE",), direct=True, secret=True),
)
