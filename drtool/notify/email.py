from __future__ import annotations

import errno
import smtplib
import socket
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, BinaryIO, Final

from drtool.model.errors import Refused, Unavailable
from drtool.model.signal import Signal
from drtool.notify import schema
from drtool.notify.chosen import is_chosen
from drtool.notify.secret import require_line, resolved
from drtool.notify.words import letter, title
from drtool.ports import SecretStore
from drtool.process.limit import Limit

_TLS_AT_ONCE: Final = 465
_WAITS: Final = 3
"""So many times its `timeout` a letter may take from the first word to the last."""
_MOST_BYTES: Final = 65536
"""So much of what a server says is read."""
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class EmailNotifier:
    """Sends a letter by SMTP over TLS; only a server on this machine is spoken to in clear."""

    kind = "email"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        self.name = name
        self._keys = schema.Email.model_validate(dict(settings))
        self._secrets = secrets

    def wants(self, signal: Signal) -> bool:
        """Tell whether its outcome was asked for."""
        return is_chosen(signal, self._keys.on)

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        self._login()

    def tell(self, signal: Signal) -> None:
        """Send one letter to all; Unavailable where the server is silent, Refused where it says no to anybody."""
        self._login()  # nobody is asked where that cannot be sent
        message = EmailMessage()
        message["From"], message["To"] = self._keys.sender, ", ".join(self._keys.to)
        message["Subject"] = _writable(" ".join(title(signal).split()))  # a name cannot add a header
        message["Date"], message["Message-ID"] = format_datetime(signal.occasion.at), make_msgid(domain="drtool.invalid")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_writable(letter(signal)))
        host = self._keys.server.rpartition(":")[0]
        with Limit(self._keys.timeout_seconds * _WAITS) as limit:
            try:
                with self._open(limit) as server:
                    lost = server.send_message(message)
            except smtplib.SMTPAuthenticationError:
                raise Refused(f"{self.name}: {host} takes no letter from {self._keys.user}", hint="its user and password?") from None
            except smtplib.SMTPServerDisconnected:
                why = "no answer in time" if limit.is_over else "it ended the connection"
                raise Unavailable(f"{self.name}: {host} does not answer: {why}", hint="its address, the network?") from None
            except smtplib.SMTPException as error:
                raise Refused(f"{self.name}: {host} takes no letter: {type(error).__name__}", hint="its sender and receivers?") from None
            except ssl.SSLError:
                raise Refused(f"{self.name}: the certificate of {host} is not trusted", hint="is that its name?") from None
            except OSError as error:
                why = "no answer in time" if limit.is_over else error.strerror or str(error)
                raise Unavailable(f"{self.name}: {host} does not answer: {why}", hint="its address, the network?") from None
        if lost:
            raise Refused(f"{self.name}: {host} takes no letter to {', '.join(sorted(lost))}", hint="the receivers?")

    def _open(self, limit: Limit) -> smtplib.SMTP:
        host, _, port = self._keys.server.rpartition(":")
        host, seconds, trust = host.strip("[]"), self._keys.timeout_seconds, ssl.create_default_context()
        if int(port) == _TLS_AT_ONCE:
            server: smtplib.SMTP = _BoundedTls(host, int(port), timeout=seconds, context=trust, limit=limit)
        else:
            server = _Bounded(host, int(port), timeout=seconds, limit=limit)
            server.ehlo()
            if host not in _HERE or server.has_extn("starttls"):
                server.starttls(context=trust)
        if (login := self._login()) is not None:
            server.login(*login)
        return server

    def _login(self) -> tuple[str, str] | None:
        """Return who sends and by what password, in ASCII: the library knows no other, and repeats what it cannot write."""
        if self._keys.user is None or self._keys.password is None:
            return None
        user = require_line(self._keys.user, named=f"the user of {self.name}", encoding="ascii")
        return user, resolved(self._keys.password, self._secrets, encoding="ascii")


def _writable(text: str) -> str:
    """Names of files and sets may be bytes of no alphabet: a letter with a sign in their place is better than none."""
    return text.encode("utf-8", "replace").decode()


class _Said:
    """What a server says, up to a limit: a greeting may have as many lines as it likes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, _MOST_BYTES

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise OSError(errno.EMSGSIZE, "it says too much")
        return line

    def close(self) -> None:
        self._stream.close()


class _Bounded(smtplib.SMTP):
    def __init__(self, host: str, port: int, *, limit: Limit, **more: Any) -> None:  # noqa: ANN401 - as there
        self._limit = limit
        super().__init__(host, port, **more)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._limit.watched(super()._get_socket(host, port, timeout))  # type: ignore[misc]

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Said(self.sock.makefile("rb"))
        return super().getreply()


class _BoundedTls(smtplib.SMTP_SSL, _Bounded):  # in this order: what is watched is what TLS goes over
    def __init__(self, host: str, port: int, *, limit: Limit, **more: Any) -> None:  # noqa: ANN401 - as there
        self._limit = limit
        smtplib.SMTP_SSL.__init__(self, host, port, **more)
