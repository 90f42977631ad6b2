"""Who may do what in the simulated cluster: expectations from the vendor's rules, not from the code that follows them."""

from __future__ import annotations

import pytest

from drtool.lab.proxmox.privileges import effective, every_role, permissions
from drtool.lab.proxmox.state import Grant, Pool, State, Token, User

TOKEN = "a@pve!t"


def state(*grants: Grant, privsep: bool = True, release: str = "9.2") -> State:
    made = State(release=release, name="lab", seed="")
    made.users = {"a@pve": User(groups=["staff"], tokens={"t": Token("", privsep)}), "b@pve": User()}
    made.groups = ["staff"]
    made.roles = {"see": ["VM.Audit", "Sys.Audit"], "store": ["VM.Audit", "VM.Backup"], "snap": ["VM.Snapshot"]}
    made.pools = {"house": Pool(guests=[100], storages=["nas"])}
    made.grants = list(grants)
    return made


def user(path: str, role: str, *, propagate: bool = True) -> Grant:
    return Grant(path, "user", "a@pve", role, propagate)


def token(path: str, role: str) -> Grant:
    return Grant(path, "token", TOKEN, role)


def group(path: str, role: str) -> Grant:
    return Grant(path, "group", "staff", role)


@pytest.mark.parametrize(
    ("who", "path", "grants", "held"),
    [
        ("a@pve", "/vms/100", [user("/", "see")], {"VM.Audit", "Sys.Audit"}),
        ("b@pve", "/vms/100", [user("/", "see")], set()),
        ("a@pve", "/vms/100", [user("/", "see", propagate=False)], set()),
        ("a@pve", "/", [user("/", "see", propagate=False)], {"VM.Audit", "Sys.Audit"}),
        ("a@pve", "/vms/101", [user("/", "see"), user("/vms", "snap")], {"VM.Snapshot"}),  # deeper replaces
        (
            "a@pve",
            "/vms/100",
            [user("/", "see"), user("/vms", "snap")],
            {"VM.Snapshot", "VM.Audit", "Sys.Audit"},
        ),  # its pool is below / too
        ("a@pve", "/vms/100", [user("/vms", "see"), user("/vms", "snap")], {"VM.Audit", "Sys.Audit", "VM.Snapshot"}),
        ("a@pve", "/vms/1000", [user("/vms/100", "see")], set()),
        ("a@pve", "/vms/100", [user("/", "see"), user("/vms/100", "NoAccess")], set()),
        ("a@pve", "/vms/100", [user("/vms/100", "see"), user("/vms/100", "NoAccess")], set()),
        ("a@pve", "/vms/100", [group("/vms", "snap")], {"VM.Snapshot"}),
        ("a@pve", "/vms/100", [group("/vms", "snap"), user("/vms", "see")], {"VM.Audit", "Sys.Audit"}),  # a user's own come first
        ("a@pve", "/vms/100", [user("/vms", "see"), group("/vms/100", "snap")], {"VM.Snapshot"}),
        ("a@pve", "/vms/100", [user("/pool/house", "store")], {"VM.Audit", "VM.Backup"}),
        ("a@pve", "/storage/nas", [user("/pool/house", "store")], {"VM.Audit", "VM.Backup"}),
        ("a@pve", "/vms/101", [user("/pool/house", "store")], set()),
        ("a@pve", "/vms/100", [user("/pool/house", "store"), user("/vms/100", "NoAccess")], set()),
        ("a@pve", "/vms/100", [user("/vms/100", "see"), user("/pool/house", "NoAccess")], set()),
        (TOKEN, "/vms/100", [user("/", "see")], set()),
        (TOKEN, "/vms/100", [token("/", "see")], set()),
        (TOKEN, "/vms/100", [user("/", "see"), token("/", "store")], {"VM.Audit"}),
        (TOKEN, "/vms/100", [user("/pool/house", "store"), token("/", "see")], {"VM.Audit"}),
        ("a@pve!gone", "/", [user("/", "see")], set()),
    ],
)
def test_the_access_list(who: str, path: str, grants: list[Grant], held: set[str]) -> None:
    assert set(permissions(state(*grants), who, path)) == held


def test_a_token_without_privileges_of_its_own_has_its_users() -> None:
    assert set(permissions(state(user("/", "see"), privsep=False), TOKEN, "/vms/100")) == {"VM.Audit", "Sys.Audit"}


def test_root_may_everything_and_its_token_only_what_it_was_given() -> None:
    made = state(Grant("/vms", "token", "root@pam!t", "snap"))
    made.users["root@pam"] = User(tokens={"t": Token("")})
    assert "Sys.Modify" in permissions(made, "root@pam", "/")
    assert permissions(made, "root@pam!t", "/vms/100") == {"VM.Snapshot": True}
    assert permissions(made, "root@pam!t", "/") == {}


def test_what_is_told_of_all_paths_leaves_out_where_nothing_is_held() -> None:
    told = effective(state(user("/vms/7", "snap", propagate=False), user("/pool/house", "store")), "a@pve")
    assert told == {
        "/pool/house": {"VM.Audit": True, "VM.Backup": True},
        "/storage/nas": {"VM.Audit": False, "VM.Backup": False},
        "/vms/100": {"VM.Audit": False, "VM.Backup": False},
        "/vms/7": {"VM.Snapshot": False},
    }


@pytest.mark.parametrize(("release", "agents"), [("8.4", {"VM.Monitor"}), ("9.2", {"VM.GuestAgent.Audit", "VM.GuestAgent.Unrestricted"})])
def test_each_release_has_its_own_privileges_for_agents(release: str, agents: set[str]) -> None:
    everything = every_role(state(release=release))["Administrator"]
    assert agents <= everything
    assert not everything & ({"VM.Monitor", "VM.GuestAgent.Audit"} - agents)
