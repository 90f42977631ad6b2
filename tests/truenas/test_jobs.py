"""Jobs whose number leads to another one, as the NAS counts anew when it restarts; and what is looked at after a job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from drtool.model.errors import Refused, Unavailable
from drtool.model.secret import Secret
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.download import download
from drtool.sources.truenas.keys.encryption import change_key, exported_key, opens
from drtool.sources.truenas.land.create import create_dataset, rename_dataset
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY

KEY, OTHER = "ab" * 32, "cd" * 32
SECRET, ANOTHER = "tank/secret", "tank/another"
EXPORT: Final = "pool.dataset.export_key"
LATE: Final = 8
"""Which time a job is asked for seconds after it began."""


@pytest.fixture
def client(lab: Lab) -> Iterator[ApiClient]:
    """One that sees the jobs of everybody, on a NAS with two encrypted datasets."""
    made = lab.source(by=BY, administrator=True).client
    for name, key in ((SECRET, KEY), (ANOTHER, OTHER)):
        create_dataset(made, name, {}, {"encryption": True, "inherit_encryption": False, "encryption_options": {"key": key}})
    yield made
    made.close()


def restart(lab: Lab, client: ApiClient) -> None:
    lab.faults({"method": "core.ping", "kind": "reboot_before"})
    assert client.read("core.ping") == "pong"
    lab.faults()


@pytest.mark.parametrize(
    "call",
    [
        ("pool.dataset.encryption_summary", SECRET, {"datasets": []}),
        (EXPORT, ANOTHER),
        (EXPORT, SECRET),
    ],
    ids=["of another method", "of another dataset", "of somebody else"],
)
def test_a_job_that_is_not_ours_is_never_believed(lab: Lab, client: ApiClient, call: tuple[Any, ...]) -> None:
    number = int(client.read(EXPORT, SECRET))
    assert client.wait_for_job(number, EXPORT, SECRET, what="a key", raw=True) == KEY
    restart(lab, client)
    somebody = lab.source(by=BY, administrator=True).client
    assert int(somebody.read(*call)) == number
    assert somebody.wait_for_job(number, *call, what="theirs", raw=True)
    with pytest.raises(Unavailable, match=f"no longer knows its job {number}"):
        client.wait_for_job(number, EXPORT, SECRET, what="a key", raw=True)
    somebody.close()


def test_a_job_is_still_ours_over_a_new_connection(lab: Lab, client: ApiClient) -> None:
    number = int(client.read(EXPORT, SECRET))
    lab.faults({"method": "core.get_jobs", "kind": "cut_before"})
    assert client.wait_for_job(number, EXPORT, SECRET, what="a key", raw=True) == KEY


def test_the_key_of_another_dataset_is_never_taken_for_the_one_that_was_asked_for(lab: Lab, client: ApiClient) -> None:
    lab.faults(
        {"method": "core.get_jobs", "kind": "reboot_before"},
        {"method": "core.get_jobs", "kind": "meanwhile", "call": 2, "asks": [[EXPORT, ANOTHER]]},
    )
    with pytest.raises(Unavailable, match="no longer knows its job 1"):
        exported_key(client, SECRET)
    assert (lab.calls(EXPORT), lab.calls("core.get_jobs")) == (2, 2)


def test_a_download_is_not_whole_because_another_one_succeeded(lab: Lab, client: ApiClient) -> None:
    """The NAS does not tell which call began it: when it began is what is left to tell them apart."""
    lab.faults({"method": "config.save", "kind": "job_never_ends"})
    number, _address = client.read("core.download", "config.save", [{}], "config.tar", True)
    lab.faults(
        {"method": "core.get_jobs", "kind": "reboot_before", "call": LATE},
        {"method": "core.get_jobs", "kind": "meanwhile", "call": LATE + 1, "asks": [["config.save", {}]]},
    )
    with pytest.raises(Unavailable, match=f"no longer knows its job {number}"):
        client.wait_for_job(int(number), "config.save", {}, what="the configuration")
    assert lab.calls("core.get_jobs") == LATE + 1
    lab.faults()
    assert download(client, "config.save", [{}], filename="config.tar")


def test_a_change_whose_job_was_forgotten_is_looked_for(lab: Lab, client: ApiClient) -> None:
    lab.faults(
        {"method": "pool.dataset.change_key", "kind": "job_never_ends"}, {"method": "core.get_jobs", "kind": "reboot_before", "call": 4}
    )
    change_key(client, SECRET, {"key": Secret(OTHER)})
    assert lab.calls("pool.dataset.change_key") == 1
    lab.faults()
    assert kept(client) == OTHER


def test_a_change_that_was_not_made_is_no_success_because_of_the_job_of_another(lab: Lab, client: ApiClient) -> None:
    lab.faults({"method": "pool.dataset.change_key", "kind": "job_never_ends"})
    blocks = client.read("pool.dataset.change_key", SECRET, {"key": KEY})
    assert blocks == 1
    lab.faults(
        {"method": "core.get_jobs", "kind": "reboot_before", "call": 2},
        {"method": "core.get_jobs", "kind": "meanwhile", "call": 3, "asks": [[EXPORT, ANOTHER], [EXPORT, ANOTHER]]},
    )
    with pytest.raises(Unavailable, match="no longer knows its job 2"):
        change_key(client, SECRET, {"key": Secret(OTHER)})
    lab.faults()
    assert kept(client) == KEY


def test_a_job_that_succeeded_without_effect_is_no_success(lab: Lab, client: ApiClient) -> None:
    """Somebody else gave it yet another key by the time it is looked at."""
    again = ["pool.dataset.change_key", SECRET, {"key": "ef" * 32}]
    lab.faults({"method": "pool.dataset.encryption_summary", "kind": "meanwhile", "asks": [again]})
    with pytest.raises(Refused, match="did not get its key, although the NAS says that it did") as caught:
        change_key(client, SECRET, {"key": Secret(OTHER)})
    assert "on the NAS" in caught.value.hint
    assert caught.value.safe


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_key_that_opens_a_renamed_dataset_is_written_although_the_first_request_was_lost(lab: Lab, client: ApiClient, kind: str) -> None:
    """It opens it before it is written, so that alone does not tell that the NAS keeps it."""
    rename_dataset(client, SECRET, "tank/renamed")
    assert opens(client, "tank/renamed", {"key": Secret(KEY)})
    lab.faults({"method": "pool.dataset.change_key", "kind": kind})
    change_key(client, "tank/renamed", {"key": Secret(KEY)})
    lab.faults()
    assert kept(client, "tank/renamed") == KEY


def kept(client: ApiClient, name: str = SECRET) -> str:
    key = exported_key(client, name)
    assert key is not None
    return key.reveal()
