"""Who we are, shown to a NAS; a key goes into the connection and nowhere else."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from drtool.model.errors import Refused
from drtool.model.secret import Secret
from drtool.sources.truenas.api.scram import Handshake
from drtool.sources.truenas.api.translate import translate

_WHY_NOT: Final[Mapping[str, tuple[str, str]]] = {
    "AUTH_ERR": ("does not accept the key", "make a new API key for that user, and check `user:` and `key:` of the source"),
    "EXPIRED": ("says that the key is revoked or has expired", "make a new API key; one that was ever sent without TLS is revoked at once"),
    "DENIED": ("denies the key of that user", "look at the user's privileges and the allow-list on the NAS"),
    "OTP_REQUIRED": ("wants a second factor", "use an API key, which needs none"),
}
_PLAIN: Final = "API_KEY_PLAIN"
_PROOF: Final = "SCRAM"


class Ask(Protocol):
    """Sends one request and returns the whole answer."""

    def __call__(self, method: str, params: tuple[Any, ...], *, source: str, watch: Callable[[], None]) -> dict[str, Any]: ...


def log_in(ask: Ask, source: str, user: str, key: Secret, *, watch: Callable[[], None]) -> None:
    """Log in by the key, or where the NAS takes no key in plain by proving that we have it. Raises Refused unless it lets us in.

    The ways in are asked for first, so that a key is not shown to a NAS that takes none; some releases tell them only afterwards.
    """
    offered = _offered(ask, source, watch=watch)
    shown = offered is None or _PLAIN in offered
    if shown:
        message = ask("auth.login_ex", (_by_key(user, key),), source=source, watch=watch)
        if _number(message) != errno.EOPNOTSUPP:
            _require_no_error(message, source)
            require_login(source, message.get("result"))
            return
    if _PROOF not in (offered or ()):
        hint = "let the NAS accept API keys for that user (System, Security)"
        safe = "nothing was asked of it" if shown else "nothing was asked of it, and the key was not sent"
        raise Refused(f"{source} takes no API key, and offers no way that drtool has", hint=hint, safe=safe)
    _prove(ask, source, Handshake(source, user, key, shown=shown), watch=watch)


def _offered(ask: Ask, source: str, *, watch: Callable[[], None]) -> tuple[str, ...] | None:
    """Return the ways in that a NAS tells of, None where it tells of none to somebody who is not in yet."""
    choices = ask("auth.mechanism_choices", (), source=source, watch=watch).get("result")
    return tuple(choice for choice in choices if isinstance(choice, str)) if isinstance(choices, list) else None


def _prove(ask: Ask, source: str, handshake: Handshake, *, watch: Callable[[], None]) -> None:
    def say(kind: str, text: str) -> Mapping[str, Any]:
        asked = {"mechanism": _PROOF, "scram_type": kind, "rfc_str": text}
        message = ask("auth.login_ex", (asked,), source=source, watch=watch)
        _require_no_error(message, source)
        result = message.get("result")
        if not isinstance(result, Mapping) or result.get("response_type") != "SCRAM_RESPONSE":
            require_login(source, result)
            raise Refused(
                f"{source} let us in before we proved anything", hint="look whether the NAS is what it says", safe="nothing was sent"
            )
        return result

    answer = say("CLIENT_FIRST_MESSAGE", handshake.first()).get("rfc_str")
    handshake.require_known(say("CLIENT_FINAL_MESSAGE", handshake.final(answer)).get("rfc_str"))


def _by_key(user: str, key: Secret) -> dict[str, Any]:
    return {"mechanism": _PLAIN, "username": user, "api_key": key.reveal(), "login_options": {"user_info": False}}


def require_login(source: str, answer: Any) -> None:  # noqa: ANN401 - whatever it says
    """Raise Refused unless the NAS let us in; its own words are left out, they might repeat what was sent."""
    told = answer.get("response_type") if isinstance(answer, Mapping) else None
    kind = told if isinstance(told, str) else "no answer"
    if kind == "SUCCESS":
        return
    if kind == "REDIRECT":
        raise Refused(f"{source} is the standby of a pair", hint="name the other one, or their common address, in `url:`")
    why, hint = _WHY_NOT.get(kind, ("did not let us in", "check `user:` and `key:` of the source"))
    raise Refused(f"{source} {why}", hint=hint, safe="nothing was asked of it")


def _require_no_error(message: dict[str, Any], source: str) -> None:
    """Raise without the NAS's own words what it says of a login: they might repeat what was sent."""
    error = message.get("error")
    if not isinstance(error, dict):
        return
    number = _number(message)
    plain = {"code": error.get("code"), "data": {"error": number, "reason": "rate limit" if number == 16 else "the login"}}  # noqa: PLR2004 - EBUSY
    raise translate(plain, method="auth.login_ex", source=source)


def _number(message: Mapping[str, Any]) -> int:
    error = message.get("error")
    data = error.get("data") if isinstance(error, Mapping) else None
    number = data.get("error") if isinstance(data, Mapping) else None
    return number if isinstance(number, int) else 0
