from __future__ import annotations

from collections.abc import Callable

from drtool.engine.execute import tell
from drtool.model.errors import DrtoolError, Refused
from drtool.model.signal import Signal
from drtool.ports import Notifier


class Guarded:
    """A notifier whose unforeseen errors are told by their class alone: their words, and a traceback, may repeat what is secret."""

    def __init__(self, notifier: Notifier) -> None:
        self.kind, self.name = notifier.kind, notifier.name
        self._notifier = notifier

    def wants(self, signal: Signal) -> bool:
        """Tell whether the notifier is told of this."""
        return self._notifier.wants(signal)

    def tell(self, signal: Signal) -> None:
        """Let the notifier tell it; Refused where it raises what nobody foresaw."""
        self._guarded(lambda: self._notifier.tell(signal))

    def examine(self) -> None:
        """Let the notifier look at what it needs; Refused likewise."""
        self._guarded(self._notifier.examine)

    def _guarded(self, do: Callable[[], None]) -> None:
        foreseen: list[DrtoolError] = []

        def try_it(_nothing: None) -> None:
            try:
                do()
            except DrtoolError as error:
                foreseen.append(error)

        raised = tell(try_it, None).partition(":")[0]
        if foreseen:
            raise foreseen[0]
        if raised:
            hint = "please report this: what it said is not shown, as it may hold a secret"
            raise Refused(f"{self.name}: bug: {raised}", hint=hint)
