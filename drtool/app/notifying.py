"""Who is told how things ended: every kind of notifier, and its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.model.policy import Policy
    from drtool.ports import Notifier, SecretStore


def notifier_keys() -> Mapping[str, type[BaseModel]]:
    """Return the keys of each kind."""
    from drtool.notify.schema import NOTIFIERS

    return NOTIFIERS


def make_notifiers(policy: Policy, secrets: SecretStore) -> tuple[Notifier, ...]:
    """Build whoever is told how things ended; their secrets are looked up when they are told."""
    if not policy.notify:
        return ()
    from drtool.engine.guarded import Guarded
    from drtool.notify.apprise import AppriseNotifier
    from drtool.notify.email import EmailNotifier
    from drtool.notify.healthchecks import HealthchecksNotifier
    from drtool.notify.metrics import MetricsNotifier
    from drtool.notify.ntfy import NtfyNotifier
    from drtool.notify.webhook import WebhookNotifier

    known = (HealthchecksNotifier, WebhookNotifier, NtfyNotifier, EmailNotifier, AppriseNotifier, MetricsNotifier)
    kinds: dict[str, Callable[..., Notifier]] = {each.kind: each for each in known}
    return tuple(Guarded(kinds[each.kind](each.name, each.settings, secrets)) for each in policy.notify)
