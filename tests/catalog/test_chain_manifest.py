"""A chain of streams passes the door as it is written, and nothing else that has several artifacts of a NAS."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from drtool.catalog import manifest as manifests
from drtool.model.codec import canonical, encode
from drtool.model.errors import Corrupt
from drtool.model.point import Artifact, Census, Manifest, Member
from tests.planning.planning_values import NOW, manifest


def link(number: int, folder: str = "/tank/a.streams") -> Artifact:
    facts = {"dataset": "5", "guid": str(10 + number), "snapshot": f"drtool-{number}"}
    return Artifact(f"nas:tank/a+{number}", "stream", f"{number:02}" * 32, f"{folder}/{number:02}.zfs", Census(1, 4), facts=facts)


def chain(*links: Artifact) -> Manifest:
    member = Member("nas:tank/a", "nas", "truenas", {"dataset": "tank/a"}, NOW, links)
    return replace(manifest("documents", member), point="01J0000000000000000000PBNT", run="01J00000000000000000000RVN")


def read(document: Any) -> Manifest:  # noqa: ANN401 - as it came
    data = canonical(document)
    return manifests.read(data, digest=hashlib.sha256(data).hexdigest())


def test_it_comes_back_as_it_was_written() -> None:
    written = chain(*map(link, range(32)))
    assert read(written) == written


def test_a_manifest_of_an_earlier_release_knows_no_facts() -> None:
    document = encode(chain(link(0)))
    del document["members"][0]["artifacts"][0]["facts"]
    assert read(document).artifacts[0].facts == {}


@pytest.mark.parametrize(
    ("links", "told"),
    [
        (tuple(map(link, range(33))), "33 artifacts"),
        ((link(0), link(1, "/elsewhere")), "one"),
        ((link(0, ""), link(1, "")), "one"),
        ((link(0), replace(link(1), form="tree")), "one"),
        ((link(0), replace(link(1), path=link(0).path)), "in one another"),
        ((link(0), replace(link(1), path=f"{link(0).path}/x")), "one"),
        ((link(0), replace(link(1), facts={str(number): "x" for number in range(99)})), "holds too much"),
    ],
)
def test_nothing_else_passes(links: tuple[Artifact, ...], told: str) -> None:
    with pytest.raises(Corrupt, match=told):
        read(chain(*links))


def test_no_number_is_taken_for_a_fact() -> None:
    document = encode(chain(link(0)))
    document["members"][0]["artifacts"][0]["facts"]["guid"] = 7
    with pytest.raises(Corrupt):
        read(document)
