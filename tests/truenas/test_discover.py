from __future__ import annotations

from pathlib import Path

from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import running_lab
from tests.truenas.circle import BY, tidy


def test_where_matches_what_is_in_effect_and_records_what_was_set(tmp_path: Path) -> None:
    with running_lab(tmp_path, release="25.04") as lab:
        source = lab.source(by=BY)
        for name, users in (
            ("photos", {"org.example:backup": "yes"}),
            ("photos/raw", {}),
            ("photos/scratch", {"org.example:backup": "no"}),
            ("photos/scratch/kept", {"org.example:backup": "yes"}),
            ("other", {}),
        ):
            create_dataset(source.client, f"tank/{name}", users)
        found = source.discover({"dataset": "tank/*", "recursive": True, "where": {"org.example:backup": "yes"}})
        assert {str(each.selector["dataset"]) for each in found} == {"tank/photos", "tank/photos/raw", "tank/photos/scratch/kept"}
        assert {str(each.selector["dataset"]) for each in found if each.selector["users"]} == {"tank/photos", "tank/photos/scratch/kept"}
        tidy(source)
