"""The coverage ledger: everything that exists on the sources, and what becomes of each."""

from __future__ import annotations

from drtool.app.composition import FACTS
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.catalog.seen_names import SeenWorkloads
from drtool.engine.existing import look_at_existing
from drtool.engine.protected import look_at_protected
from drtool.model.ledger import Ledger
from drtool.planning.ledger import Seen, make_ledger, sources_to_ask


def inventory(runtime: Runtime) -> Ledger:
    """Return every workload of every source with its one word, and remember their names for the next look."""
    policy, book = runtime.policy, SeenWorkloads(runtime.state_directory, by=runtime.policy.name)
    with working(runtime):
        protected = look_at_protected(runtime.adapters, policy.sets)
        stocks = look_at_existing(runtime.adapters, sources_to_ask(policy, FACTS))
    barred = {name: tried.barred for name, tried in protected.tried.items()}
    now = runtime.clock.now()
    ledger = make_ledger(policy, Seen(protected.sets, barred, stocks), FACTS, known=book.load(), now=now)
    book.keep(ledger, now)
    return ledger
