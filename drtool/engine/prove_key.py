from __future__ import annotations

import contextlib
from dataclasses import replace

from drtool.catalog import manifest as manifests
from drtool.engine.adapters import Adapters
from drtool.engine.attest import attest
from drtool.model.errors import Corrupt, DrtoolError, NotFound
from drtool.model.evidence import Evidence
from drtool.model.key import KeyProof, UsedKey
from drtool.model.outcome import Outcome
from drtool.model.tolerance import FUTURE_TOLERANCE


def prove_key(adapters: Adapters, repository: str, used: UsedKey) -> KeyProof:
    """Read the newest manifest through adapters that have one key alone, and sign the evidence of that.

    Raises NotFound when the repository holds no point to read, Corrupt (recorded as well) when what was read is not what was sealed.
    """
    store, clock = adapters.repositories[repository], adapters.clock
    started = clock.now()
    points = [point for point in store.list().every_point if point.instant <= started + FUTURE_TOLERANCE]
    if not points:
        raise NotFound(
            f"{used.words} opens {repository}, but there is no recovery point to read in it",
            hint="drtool run, then prove the key again",
            safe="nothing was recorded",
        )
    newest = max(points, key=lambda point: (point.instant, point.point))
    evidence = Evidence(
        id=clock.fresh_id(),
        subject="key",
        by=adapters.policy.name,
        repository=repository,
        outcome=Outcome.SUCCEEDED,
        started=started,
        ended=started,
        key=used.id,
        details={"key": used.id, "reference": used.reference, "manifest": newest.point},
    )
    try:
        manifest = manifests.read(store.read(newest.manifest), digest=newest.digest)
    except Corrupt as error:
        with contextlib.suppress(DrtoolError):
            what = {**evidence.details, "what": error.what}
            attest(adapters, replace(evidence, outcome=Outcome.DATA_WRONG, ended=clock.now(), details=what))
        raise
    proof = KeyProof(repository, used.id, used.reference, manifest.set, manifest.point, proven=clock.now())
    attested = attest(adapters, replace(evidence, ended=proof.proven))
    return replace(proof, unrecorded=attested.on_disk_only)  # whoever may only read has proven the key all the same
