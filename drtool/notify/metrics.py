from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from drtool.model.errors import Refused
from drtool.model.signal import Signal, SignalKind
from drtool.notify import schema
from drtool.ports import SecretStore

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

_MODE: Final = 0o644
"""The exporter reads it as another user; nothing in it is a secret."""


class MetricsNotifier:
    """Writes how everything stands for the textfile collector: one file for each policy, whole at any moment."""

    kind = "metrics"

    def __init__(self, name: str, settings: Mapping[str, Any], secrets: SecretStore) -> None:
        del secrets
        self.name = name
        self._keys = schema.Metrics.model_validate(dict(settings))

    def wants(self, signal: Signal) -> bool:
        """Take numbers only."""
        return signal.kind is SignalKind.STATE

    def examine(self) -> None:
        """Find out without telling anybody whether what it needs is here; Refused as by `tell`."""
        directory = self._keys.directory
        if not os.path.isdir(directory):
            raise Refused(f"{self.name}: there is no folder {directory}", hint=f"mkdir -p {directory}")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise Refused(f"{self.name}: {directory} cannot be written", hint="let the user write there that drtool runs as")

    def tell(self, signal: Signal) -> None:
        """Replace the file; Refused where that may not be done: an old one must not look like one of now."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - only who writes numbers pays for it

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Given(signal))
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", signal.occasion.policy)
        path = os.path.join(self._keys.directory, f"drtool-{name}.prom")
        new = f"{path}.{os.urandom(8).hex()}"  # another ending: the collector reads what ends in .prom
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE), "wb") as stream:
                os.fchmod(stream.fileno(), _MODE)
                stream.write(generate_latest(registry))
            os.replace(new, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise Refused(f"{self.name}: {path} cannot be written: {error.strerror}", hint=f"mkdir -p {self._keys.directory}") from None


class _Given:
    """Hands over what a signal tells."""

    def __init__(self, signal: Signal) -> None:
        self._signal = signal

    def collect(self) -> Iterator[GaugeMetricFamily]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - likewise

        for metric in self._signal.metrics:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in metric.values:
                family.add_metric(labels, value)
            yield family
