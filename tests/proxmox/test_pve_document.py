"""docs/platforms/proxmox.md tells the truth: its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from drtool.sources.proxmox.configuration.calls import NOT_ASKED, OF_CLUSTER
from drtool.sources.proxmox.privileges import NEEDS
from drtool.sources.proxmox.schema import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "platforms" / "proxmox.md").read_text(encoding="utf-8")


def test_the_table_of_privileges_is_what_doctor_compares_with() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `([^`]+)`( and below)? \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
    written = [(privilege, path, bool(below), tuple(re.findall(r"`(\w+)`", verbs))) for privilege, path, below, verbs in rows]
    for needs in NEEDS.values():
        assert written == [(need.privilege, need.path, need.below, need.verbs) for need in needs]


def test_every_key_of_the_policy_is_explained() -> None:
    (table,) = re.findall(r"^\| key of `proxmox:` \| means \|\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(Settings.model_fields)


def test_what_is_stored_and_what_is_not_asked_is_told() -> None:
    (table,) = re.findall(r"^\| files \| hold \|\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    told = re.findall(r"`([^`]+)`", table)
    folders = tuple(each.removesuffix("…") for each in told if each.endswith("…"))
    assert not [file for call in OF_CLUSTER for file in call.files if file not in told and not file.startswith(folders)]
    for path, why in NOT_ASKED.items():
        assert f"`{path}`" in DOCUMENT, why
