"""The one way to the API of Proxmox VE: questions that change nothing, each with an end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from drtool import process
from drtool.model.errors import Bug, DrtoolError, Refused, TimedOut, Unavailable
from drtool.model.policy import Settings
from drtool.model.secret import SecretReference, parse_reference
from drtool.ports import Clock, SecretStore
from drtool.sources.proxmox.access import Token, Trust, read_token
from drtool.sources.proxmox.translate import BETWEEN, NO_LOGIN, translate

if TYPE_CHECKING:
    from proxmoxer import ProxmoxAPI

_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 60.0
"""A node gives up what it asks another after 30 seconds by itself, and says so."""
QUESTION_SECONDS: Final = 75.0
"""With all its attempts: two on a node that hangs."""
_WAITS: Final = (0.5, 2.0, None)


class _FailedError(Exception):
    """One attempt failed: with what, whether asking `elsewhere` or `later` may help, and whether it was the token that was refused."""

    def __init__(self, error: DrtoolError, *, elsewhere: bool = False, later: bool = False, of_token: bool = False) -> None:
        super().__init__(error.what)
        self.error, self.elsewhere, self.later, self.of_token = error, elsewhere, later, of_token


class ApiClient:
    """Asks a cluster by any of its nodes that the policy names; a question is repeated where it was not answered.

    A token that was refused is not shown again: neither to that node nor to another, as each try is answered late and logged.

    Args:
        source: the name of the source.
        settings: its keys (`schema.Settings`).
        secrets: resolves the token when a connection is opened.
        clock: waits between attempts.
    """

    def __init__(self, *, source: str, settings: Settings, secrets: SecretStore, clock: Clock) -> None:
        self.source = source
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._token: Token | None = None
        self._sessions: dict[str, ProxmoxAPI] = {}
        self._refused: DrtoolError | None = None
        self._first = 0

    @property
    def urls(self) -> tuple[str, ...]:
        """The nodes that are asked, in order."""
        return (str(self._settings["url"]), *map(str, self._settings.get("further_urls") or ()))

    @property
    def trust(self) -> Trust:
        """Whose certificates are accepted."""
        return Trust(self._settings.get("ca"), self._settings.get("fingerprint"))

    @property
    def token(self) -> Token:
        """The token, looked up when it is needed first."""
        if self._token is None:
            self._token = read_token(self._secrets.resolve(_reference(self._settings)), self.source)
        return self._token

    def get(self, *path: str | int, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """Ask for a path; Unavailable when nobody answered in time, Refused, NotFound or Locked as it was answered."""
        until = self._clock.monotonic() + QUESTION_SECONDS
        for wait in _WAITS:
            try:
                return self._round(path, parameters, until)
            except _FailedError as failed:
                if wait is None or not failed.later or self._clock.monotonic() + wait >= until:
                    raise failed.error from None
            self._clock.sleep(wait)
        raise Bug(f"{_spelled(path)} was neither answered nor refused")

    def get_at(self, url: str, *path: str | int) -> Any:  # noqa: ANN401 - JSON
        """Ask one node, once."""
        try:
            return self._ask(url, path, {}, seconds=QUESTION_SECONDS)
        except _FailedError as failed:
            raise failed.error from None

    def _round(self, path: tuple[str | int, ...], parameters: Mapping[str, str], until: float) -> Any:  # noqa: ANN401 - JSON
        """Ask one node after the other, beginning with the one that answered last."""
        failures: list[_FailedError] = []
        urls = self.urls
        for number in (*range(self._first, len(urls)), *range(self._first)):
            left = until - self._clock.monotonic()
            if failures and left <= 0:
                break
            try:
                answer = self._ask(urls[number], path, parameters, seconds=left)
            except _FailedError as failed:
                failures.append(failed)
                if not failed.elsewhere:
                    break
            else:
                self._first = number
                return answer
        raise next((each for each in failures if each.later), failures[0])

    def _ask(self, url: str, path: tuple[str | int, ...], parameters: Mapping[str, str], *, seconds: float) -> Any:  # noqa: ANN401 - JSON
        if self._refused is not None:
            raise Refused(self._refused.what, hint=self._refused.hint, safe=self._refused.safe)
        session, asked = self._opened(url), _spelled(path)
        try:
            return process.patiently(
                lambda: _fetched(session, path, parameters, asked=asked, source=self.source, url=url),
                seconds=seconds,
                what=f"asking {url} for {asked}",
            )
        except TimedOut as error:
            process.raise_at_deadline(error)
            self._sessions.pop(url, None)  # whatever still waits there has it
            raise _FailedError(Unavailable(error.what, hint="look at the load of that node"), elsewhere=True, later=True) from None
        except _FailedError as failed:
            self._refused = failed.error if failed.of_token else None
            raise

    def _opened(self, url: str) -> ProxmoxAPI:
        if url not in self._sessions:
            self._sessions[url] = _open(url, self.token, self.trust)
        return self._sessions[url]


def _open(url: str, token: Token, trust: Trust) -> ProxmoxAPI:
    """Make what asks one node; nothing is sent."""
    from proxmoxer import ProxmoxAPI  # noqa: PLC0415 - only who asks pays for it

    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    try:
        api = ProxmoxAPI(
            host,
            port=parts.port,
            user=token.user,
            token_name=token.name,
            token_value=token.value,
            verify_ssl=trust.fingerprint is None,
            timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
        )
    except SystemExit:  # that is how it says that a library is missing
        raise Refused("the Python library `requests` is not installed", hint="pip install requests, where drtool is installed") from None
    from drtool.sources.proxmox.tls import Door  # noqa: PLC0415 - needs that library too

    session = api._store["session"]  # noqa: SLF001 - it has no other way in
    session.trust_env = False  # neither proxies nor authorities nor .netrc of whoever calls
    session.mount("https://", Door(trust, token))
    return api


def _fetched(session: ProxmoxAPI, path: tuple[str | int, ...], parameters: Mapping[str, str], *, asked: str, source: str, url: str) -> Any:  # noqa: ANN401 - JSON
    from proxmoxer import ResourceException  # noqa: PLC0415 - loaded by now
    from requests.exceptions import RequestException  # noqa: PLC0415 - likewise
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - of a name that is none

    odd = (AttributeError, KeyError, TypeError, RecursionError)  # of JSON that is no answer of the API
    failed: Exception | None = None
    try:
        answer = session.get(*map(str, path), **parameters)
    except (ResourceException, RequestException, HTTPError, *odd) as error:
        failed = error
    if failed is not None:  # out here nothing that the server said is in what is raised, but what was chosen of it
        raise _failure(failed, asked=asked, source=source, url=url)
    if isinstance(answer, dict) and isinstance(answer.get("errors"), bytes):  # so it hands over what is no JSON
        raise _no_api(url, asked)
    return answer


def _failure(error: Exception, *, asked: str, source: str, url: str) -> Exception:
    from proxmoxer import ResourceException  # noqa: PLC0415 - loaded by now
    from requests.exceptions import ContentDecodingError, RequestException  # noqa: PLC0415 - likewise
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - likewise

    from drtool.sources.proxmox.tls import OddAnswerError, away, untrusted  # noqa: PLC0415 - likewise

    if isinstance(error, ResourceException):
        translated = translate(error, asked=asked, source=source)
        elsewhere = translated.transient and error.status_code not in BETWEEN  # what a node says of another, each would say
        of_token = error.status_code == NO_LOGIN
        return _FailedError(translated, elsewhere=elsewhere, later=translated.transient, of_token=of_token)
    if isinstance(error, OddAnswerError | ContentDecodingError) or not isinstance(error, RequestException | HTTPError):
        return _no_api(url, asked)
    refused = untrusted(source, url, error)
    if refused is not None:
        return _FailedError(refused, elsewhere=True)
    return _FailedError(away(source, url, error), elsewhere=True, later=True)


def _no_api(url: str, asked: str) -> Refused:
    return Refused(
        f"what {url} answers to {asked} is not of the API of Proxmox VE",
        hint="look what is at that address: a proxy, or another program",
    )


def _reference(settings: Settings) -> SecretReference:
    reference = parse_reference(str(settings["token"]))
    if reference is None:
        raise Refused("`token:` is no reference of a secret", hint="write for example credential:pve")
    return reference


def _spelled(path: tuple[str | int, ...]) -> str:
    return "/" + "/".join(map(str, path))
