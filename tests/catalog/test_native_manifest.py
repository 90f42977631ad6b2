"""What a manifest says of what a platform keeps is held against bounds at the one door, and an older manifest is read as before."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from drtool.catalog import manifest as manifests
from drtool.model.codec import canonical, encode
from drtool.model.errors import Corrupt
from drtool.model.native import NativePlace
from drtool.model.point import Artifact, Census, Manifest, Member
from drtool.repositories.restic.labels import body_tags, from_tags
from drtool.repositories.restic.translate import read_snapshots
from tests.planning.planning_values import NOW, manifest, member

PLACE = NativePlace("pve:pbs", "home", "backup/vm/100/2026-11-23T14:00:00Z", "ab" * 32, made=True)
NATIVE = Artifact("disk", "native", "", "/100/disk", Census(1, 4), places=(PLACE,))
STORED = Artifact("config", "stream", "a" * 64, "/100/config", Census(1, 4, sha256="0" * 64))
MACHINE = Member("pve:100", "pve", "proxmox", {"machine": "100"}, NOW, (STORED, NATIVE))


def sealed(*members: Member) -> Manifest:
    return replace(manifest("documents", *members), point="01J0000000000000000000PBNT", run="01J00000000000000000000RVN")


def read(document: Any) -> Manifest:  # noqa: ANN401 - as it came
    data = canonical(document)
    return manifests.read(data, digest=hashlib.sha256(data).hexdigest())


def test_it_comes_back_as_it_was_written() -> None:
    written = sealed(MACHINE)
    assert read(written) == written
    assert [artifact.native for artifact in written.artifacts] == [False, True]


def test_a_manifest_of_an_earlier_release_names_no_place() -> None:
    document = encode(sealed(member("here:/home", "/home"), replace(MACHINE, artifacts=(STORED,))))
    for each in document["members"]:
        for artifact in each["artifacts"]:
            del artifact["places"]
    found = read(document)
    assert all(artifact.places == () and not artifact.native for artifact in found.artifacts)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"places": ()}, "1 to 16 places"),
        ({"places": tuple(replace(PLACE, locator=str(number)) for number in range(17))}, "1 to 16 places"),
        ({"places": (PLACE, PLACE)}, "names a place twice"),
        ({"places": (PLACE, replace(PLACE, digest=""))}, "names a place twice"),
        ({"tree": "a" * 64}, "no tree"),
        ({"form": "stream", "tree": "a" * 64}, "names a place at a platform"),
        ({"form": "tree", "tree": "a" * 64}, "names a place at a platform"),
        ({"places": (replace(PLACE, store=""),)}, "a source"),
        ({"places": (replace(PLACE, store="../x"),)}, "a source"),
        ({"places": (replace(PLACE, store="pve:a\nb"),)}, "a store"),
        ({"places": (replace(PLACE, store="pve:" + "x" * 300),)}, "a store"),
        ({"places": (replace(PLACE, site="a/b"),)}, "a site"),
        ({"places": (replace(PLACE, locator=""),)}, "no locator"),
        ({"places": (replace(PLACE, locator="a\x1b[31m"),)}, "a place in a store"),
        ({"places": (replace(PLACE, locator="x" * 20_000),)}, "a place in a store"),
        ({"places": (replace(PLACE, digest="\0"),)}, "a digest"),
        ({"path": "relative"}, ""),
        ({"path": "/100/config/inner"}, "lie in one another"),
    ],
)
def test_what_no_release_writes_is_corrupt(changes: dict[str, Any], told: str) -> None:
    bad = replace(MACHINE, artifacts=(STORED, replace(NATIVE, **changes)))
    with pytest.raises(Corrupt) as caught:
        read(sealed(bad))
    assert told in caught.value.what
    assert "pve:100" in caught.value.what


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_whether_it_was_made_is_a_truth_value(value: object) -> None:
    document = encode(sealed(MACHINE))
    document["members"][0]["artifacts"][1]["places"][0]["made"] = value
    with pytest.raises(Corrupt):
        read(document)


@pytest.mark.parametrize("kind", ["files", "stream", "truenas"])
def test_no_platform_of_this_release_keeps_anything_itself(kind: str) -> None:
    workload, path = {"files": ("here:/home", "/home"), "stream": ("here", "/here"), "truenas": ("here:tank/a", "/tank/a")}[kind]
    own = {"dataset": "tank/a"} if kind == "truenas" else {}
    forged = Member(workload, "here", kind, own, NOW, (replace(NATIVE, path=path),))
    with pytest.raises(Corrupt, match=r"it holds|nothing of the kind truenas"):
        read(sealed(forged))


def test_the_tags_tell_how_much_of_it_a_platform_keeps() -> None:
    vaulted = replace(MACHINE, workload="pve:101", artifacts=(replace(NATIVE, path="/101/disk"),))
    plain, kept = sealed(member("here:/home", "/home")), sealed(MACHINE, vaulted)
    labels = [from_tags(body_tags(each)) or {} for each in (plain, kept)]
    assert not {"natives", "native_members"} & labels[0].keys()
    assert (labels[1]["natives"], labels[1]["native_members"], labels[1]["artifacts"]) == ("2", "1", "3")
    assert labels[1]["trees"] == "aaaaaaaa"


def listed(**changes: str) -> tuple[int, int, int]:
    """Read the tags of a point with changes in them; returns how many points, and what the first lacks and has natively."""
    labels = {**(from_tags(body_tags(sealed(MACHINE))) or {}), **changes}
    tags = ["drtool", *(f"{key}={value.replace(':', '%3A')}" for key, value in labels.items())]
    row = {"id": "1" * 64, "tree": "e" * 64, "paths": ["/manifest.json"], "time": "2026-01-01T00:00:00Z", "tags": tags}
    found = read_snapshots([row], repository="near", taken=NOW).listing.points
    return (len(found), found[0].lacking, found[0].natives) if found else (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, (1, 1, 1)),
        ({"native_members": "1"}, (1, 1, 1)),
        ({"natives": "3"}, (0, 0, 0)),
        ({"natives": "-1"}, (0, 0, 0)),
        ({"natives": "x"}, (0, 0, 0)),
        ({"native_members": "2"}, (0, 0, 0)),
        ({"artifacts": "0"}, (0, 0, 0)),
    ],
)
def test_tags_that_tell_too_much_are_nobodys(changes: dict[str, str], found: tuple[int, int, int]) -> None:
    assert listed(**changes) == found
