"""A dataset that was renamed on the NAS: its run fails, and whoever asks how things stand sees that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rig.truenas_lab import running_lab
from tests.truenas.test_listing import Told


@pytest.mark.parametrize("recursive", [False, True])
def test_the_failed_run_of_a_renamed_dataset_is_seen_in_status(tmp_path: Path, restic_newest: Path, recursive: bool) -> None:  # noqa: FBT001
    with running_lab(tmp_path) as lab:
        told = Told(lab, tmp_path, restic_newest)
        told.grow(2)
        selector: dict[str, object] = {"dataset": "tank/many", "recursive": recursive}
        told.drtool("init", selector=selector)
        told.drtool("run", selector=selector)
        assert "run failed" not in told.said
        source = lab.source(by="nobody")
        source.client.change("pool.dataset.rename", "tank/many", {"new_name": "tank/moved", "force": True}, look=lambda: False)
        source.close()
        told.drtool("run", selector=selector, fails=True)
        told.drtool("status", selector=selector)
        assert "the last attempt at the backup of many" in told.said
        assert "tank/many does not exist" in told.said
        source = lab.source(by="nobody")
        source.client.change("pool.dataset.rename", "tank/moved", {"new_name": "tank/many", "force": True}, look=lambda: False)
        source.close()
        told.drtool("run", selector=selector)
        told.drtool("status", selector=selector)
        assert "the last attempt" not in told.said
