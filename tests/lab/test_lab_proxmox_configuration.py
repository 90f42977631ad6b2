"""Who is told what the simulated cluster is set up with: expectations from the vendor's words, not from the table that follows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool.lab.proxmox.state import load_state
from tests.rig.pve_lab import PveLab, running_pve


@pytest.fixture(scope="module")
def pve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PveLab]:
    with running_pve(tmp_path_factory.mktemp("pve")) as running:
        yield running


@pytest.mark.parametrize(
    ("listing", "privilege", "path"),
    [
        ("/cluster/sdn/zones", "SDN.Audit", "/sdn/zones/inner"),
        ("/cluster/sdn/vnets", "SDN.Audit", "/sdn/zones/inner/lan"),
        ("/cluster/sdn/controllers", "SDN.Audit", "/sdn/controllers/edge"),
        ("/cluster/sdn/dns", "SDN.Allocate", "/sdn/dns/names"),
        ("/cluster/sdn/ipams", "SDN.Audit", "/sdn/ipams/pve"),
        ("/cluster/mapping/pci", "Mapping.Use", "/mapping/pci/tuner"),
        ("/cluster/mapping/usb", "Mapping.Audit", "/mapping/usb/dongle"),
        ("/cluster/mapping/dir", "Mapping.Modify", "/mapping/dir/exchange"),
        ("/cluster/qemu/custom-cpu-models", "Mapping.Audit", "/mapping/cpu/house"),
        ("/cluster/replication", "VM.Audit", "/vms/100"),
        ("/access/groups", "Sys.Audit", "/access/groups/operators"),
    ],
)
def test_a_row_is_left_out_for_whoever_may_not_see_it(pve: PveLab, listing: str, privilege: str, path: str) -> None:
    assert pve.ask(listing, token=pve.new_token([])).data == []
    assert len(pve.ask(listing, token=pve.new_token([privilege], path=path, user="seer@pve")).data) == 1


@pytest.mark.parametrize(
    ("path", "privilege", "at"),
    [
        ("/cluster/notifications/targets", "Mapping.Use", "/mapping/notifications"),
        ("/cluster/notifications/endpoints/smtp", "Mapping.Modify", "/mapping/notifications"),
        ("/cluster/notifications/endpoints/webhook", "Mapping.Audit", "/mapping/notifications"),
        ("/nodes/pve1/disks/list", "Sys.Audit", "/nodes/pve1"),
        ("/nodes/pve1/hosts", "Sys.Audit", "/"),
        ("/nodes/pve2/dns", "Sys.Audit", "/nodes/pve2"),
        ("/access/domains/house", "Realm.Allocate", "/access/realm"),
        ("/nodes/pve1/qemu/100/firewall/rules", "VM.Audit", "/vms/100"),
    ],
)
def test_whoever_may_not_ask_is_refused(pve: PveLab, path: str, privilege: str, at: str) -> None:
    told = pve.ask(path, token=pve.new_token([], user="nobody@pve"))
    assert told.status == 403
    assert "Permission check failed" in told.reason
    assert pve.ask(path, token=pve.new_token([privilege], path=at, user=f"{path.replace('/', '-')}@pve")).status == 200


def test_realms_are_told_to_whoever_connects_and_nothing_else_is(pve: PveLab) -> None:
    assert {row["realm"] for row in pve.ask("/access/domains", token="").data} == {"pam", "pve", "house"}
    assert pve.ask("/access/domains/pve", token="").status == 401


def test_what_is_not_there_is_an_error_and_a_guest_without_rules_has_none(pve: PveLab) -> None:
    assert pve.ask("/cluster/firewall/ipset/nothing").status == 500
    assert pve.ask("/nodes/pve1/qemu/101/firewall/ipset/trusted").status == 500
    assert pve.ask("/nodes/pve1/qemu/101/firewall/rules").data == []
    assert pve.ask("/nodes/pve1/config", given={"property": "wakeonlan"}).data.keys() == {"wakeonlan", "digest"}
    assert pve.ask("/cluster/sdn/zones", given={"type": "vlan"}).data == []


def test_what_a_cluster_is_set_up_with_outlives_it_and_is_given_to_one_from_before(tmp_path: Path) -> None:
    with running_pve(tmp_path) as first:
        first.state.configuration["/cluster/firewall/options"]["enable"] = 0
        del first.state.configuration["/cluster/sdn/zones"]
    with running_pve(tmp_path) as second:
        assert second.ask("/cluster/firewall/options").data["enable"] == 0
        assert [row["zone"] for row in second.ask("/cluster/sdn/zones").data] == ["inner"]
    assert load_state(str(tmp_path / "pve" / "state.json")) is not None
