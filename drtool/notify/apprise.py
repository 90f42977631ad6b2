from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drtool.model.errors import Refused, Unavailable
from drtool.model.outcome import Outcome
from drtool.model.signal import Signal, SignalKind
from drtool.notify import schema
from drtool.notify.chosen import is_chosen
from drtool.notify.secret import resolved
from drtool.notify.words import letter, title
from drtool.ports import SecretStore

if TYPE_CHECKING:
    import apprise


class AppriseNotifier:
    """Passes a signal on to the library apprise, which reaches a hundred services."""

    kind = "apprise"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        self.name = name
        self._keys = schema.Apprise.model_validate(dict(settings))
        self._secrets = secrets

    def wants(self, signal: Signal) -> bool:
        """Tell whether its outcome was asked for."""
        return is_chosen(signal, self._keys.on)

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        self._addresses()

    def tell(self, signal: Signal) -> None:
        """Tell every address; Refused where the library is not installed or takes an address for none."""
        there = self._addresses()
        import apprise  # noqa: PLC0415 - an extra, which is there

        good = signal.outcome == Outcome.SUCCEEDED.value
        kind = apprise.NotifyType.SUCCESS if good else apprise.NotifyType.FAILURE
        kind = apprise.NotifyType.INFO if signal.kind is SignalKind.TEST else kind
        if not there.notify(body=letter(signal), title=title(signal), notify_type=kind):
            raise Unavailable(f"{self.name}: not everybody could be told", hint="apprise -vv with the same address tells why")

    def _addresses(self) -> apprise.Apprise:
        try:
            import apprise  # noqa: PLC0415 - an extra
        except ImportError:
            raise Refused(f"{self.name}: the library apprise is not installed", hint="install drtool with its extra `apprise`") from None
        there = apprise.Apprise()
        for number, reference in enumerate(self._keys.urls, 1):
            if not there.add(resolved(reference, self._secrets)):
                raise Refused(f"{self.name}: address {number} ({reference}) is none that apprise knows", hint="see its wiki")
        return there
