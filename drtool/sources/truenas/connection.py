from __future__ import annotations

import contextlib
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn

from drtool.model.errors import DrtoolError, Refused, Unavailable
from drtool.model.secret import Secret
from drtool.sources.truenas.tls import Endpoint, open_tls

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

OPEN_SECONDS: Final = 20.0
LARGEST_ANSWER: Final = 128 * 1024 * 1024
LARGEST_REQUEST: Final = 60 * 1024
"""The NAS closes the connection at 64 KiB."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHY_NOT: Final[Mapping[str, tuple[str, str]]] = {
    "AUTH_ERR": ("does not accept the key", "make a new API key for that user, and check `user:` and `key:` of the source"),
    "EXPIRED": ("says that the key is revoked or has expired", "make a new API key; one that was ever sent without TLS is revoked at once"),
    "DENIED": ("denies the key of that user", "look at the user's privileges and the allow-list on the NAS"),
    "OTP_REQUIRED": ("wants a second factor", "use an API key, which needs none"),
}


def open_web_socket(endpoint: Endpoint, keep: contextlib.ExitStack) -> ClientConnection:
    """Open the NAS's own protocol over verified TLS until `keep` is closed; raises Unavailable or Refused."""
    from websockets.exceptions import InvalidHandshake, InvalidMessage  # noqa: PLC0415 - heavy, and most verbs ask no NAS
    from websockets.sync.client import connect  # noqa: PLC0415

    secured = open_tls(endpoint, timeout_seconds=OPEN_SECONDS)
    silent = logging.getLogger("drtool.truenas")
    silent.disabled = True  # the library would write down what is sent, the key too
    address = f"ws://{endpoint.host if ':' not in endpoint.host else f'[{endpoint.host}]'}:{endpoint.port}{endpoint.path}"
    try:  # the socket is secured already: to the library it is a plain one
        manager = connect(
            address,
            sock=secured,
            logger=silent,
            max_size=LARGEST_ANSWER,
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=2,
        )
        return keep.enter_context(manager)
    except (TimeoutError, InvalidMessage, ssl.SSLError, OSError) as error:
        secured.close()
        raise Unavailable(f"{endpoint.source} does not answer: {type(error).__name__}", hint="look whether the NAS is up") from None
    except InvalidHandshake as error:
        secured.close()
        hint = "the URL must be that of the NAS itself, such as wss://nas.example.org/api/current; TrueNAS 25.04 and later have it"
        raise Refused(f"{endpoint.source} does not speak its protocol at {endpoint.path}: {type(error).__name__}", hint=hint) from None


def login_request(user: str, key: Secret) -> list[Any]:
    """Return the parameters that log in; they go into the connection and nowhere else."""
    return [{"mechanism": "API_KEY_PLAIN", "username": user, "api_key": key.reveal(), "login_options": {"user_info": False}}]


def require_login(source: str, answer: Any) -> None:  # noqa: ANN401 - whatever it says
    """Raise Refused unless the NAS let us in; its own words are left out, they might repeat what was sent."""
    kind = str(answer.get("response_type")) if isinstance(answer, Mapping) else "no answer"
    if kind == "SUCCESS":
        return
    if kind == "REDIRECT":
        raise Refused(f"{source} is the standby of a pair", hint="name the other one, or their common address, in `url:`")
    why, hint = _WHY_NOT.get(kind, ("did not let us in", "check `user:` and `key:` of the source"))
    raise Refused(f"{source} {why}", hint=hint, safe="nothing was asked of it")


def encode_request(number: int, method: str, params: tuple[Any, ...]) -> str:
    """Return a request as text; Refused when the NAS would hang up on its size."""
    text = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)})
    if len(text) > LARGEST_REQUEST:
        raise Refused(f"a request of {len(text)} characters is more than a NAS takes", hint="name fewer things in one set")
    return text


def decode_message(text: str | bytes) -> dict[str, Any]:
    """Read one message; instants become datetimes. Raises Unavailable when it is none."""
    try:
        message = json.loads(text, object_hook=_instant)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Unavailable("the NAS sent something that is no message")
    return message


def _instant(value: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    milliseconds = value.get("$date")
    if len(value) == 1 and isinstance(milliseconds, int):
        return _EPOCH + timedelta(milliseconds=milliseconds)
    return value


def pump(connection: ClientConnection, take: Callable[[dict[str, Any]], None]) -> str:
    """Hand over every message until the connection ends, and return why it did."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - loaded already

    try:
        while True:
            take(decode_message(connection.recv()))
    except ConnectionClosed as closed:
        return _why_closed(closed.rcvd.code if closed.rcvd else 0, closed.rcvd.reason if closed.rcvd else "")
    except DrtoolError as error:
        return error.what
    except (OSError, EOFError, AssertionError):
        return "the connection broke"


def send(connection: ClientConnection, text: str, *, source: str) -> None:
    """Send one message; Unavailable when the connection is gone."""
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - loaded already

    try:
        connection.send(text)
    except (ConnectionClosed, OSError):
        _gone(source)


def _gone(source: str) -> NoReturn:
    raise Unavailable(f"the connection to {source} was cut", hint="look whether the NAS restarts")


def _why_closed(code: int, reason: str) -> str:
    if code == 1008:  # noqa: PLR2004 - RFC 6455
        return f"the NAS does not serve this machine ({reason[:100]}): look at its allow-list"
    if code == 1009:  # noqa: PLR2004
        return "a message was too large"
    return "the connection was cut"
