"""Who may do what: roles, the access list, and tokens that may do no more than their user."""

from __future__ import annotations

from typing import Final

from drtool.lab.proxmox.answers import forbidden
from drtool.lab.proxmox.state import Grant, State

ROOT: Final = "root@pam"
NO_ACCESS: Final = "NoAccess"
_SINCE_9: Final = frozenset(
    {
        *("VM.GuestAgent.Audit", "VM.GuestAgent.FileRead", "VM.GuestAgent.FileSystemMgmt", "VM.GuestAgent.FileWrite"),
        *("VM.GuestAgent.Unrestricted", "VM.Replicate"),
    }
)
_UNTIL_8: Final = frozenset({"VM.Monitor"})
_OF_ALL: Final = frozenset(
    {
        *("Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit", "Group.Allocate"),
        *("Mapping.Audit", "Mapping.Modify", "Mapping.Use", "Permissions.Modify", "Pool.Allocate", "Pool.Audit"),
        *("Realm.Allocate", "Realm.AllocateUser", "SDN.Allocate", "SDN.Audit", "SDN.Use", "Sys.AccessNetwork", "Sys.Audit"),
        *("Sys.Console", "Sys.Incoming", "Sys.Modify", "Sys.PowerMgmt", "Sys.Syslog", "User.Modify", "VM.Allocate", "VM.Audit"),
        *("VM.Backup", "VM.Clone", "VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType"),
        *("VM.Config.Memory", "VM.Config.Network", "VM.Config.Options", "VM.Console", "VM.Migrate", "VM.PowerMgmt", "VM.Snapshot"),
        "VM.Snapshot.Rollback",
    }
)
_TOP: Final = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


def every_privilege(release: str) -> frozenset[str]:
    """Return the privileges a release knows."""
    return _OF_ALL | (_UNTIL_8 if release.startswith("8.") else _SINCE_9)


def every_role(state: State) -> dict[str, frozenset[str]]:
    """Return all roles: those that somebody made, and the built-in ones that matter here."""
    known = every_privilege(state.release)
    audit = frozenset({"Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.GuestAgent.Audit"})
    use = frozenset({"VM.Audit", "VM.Backup", "VM.Config.CDROM", "VM.Config.Cloudinit", "VM.Console", "VM.PowerMgmt"})
    made = {name: frozenset(privileges) for name, privileges in state.roles.items()}
    return made | {
        "Administrator": known,
        NO_ACCESS: frozenset(),
        "PVEAuditor": known & audit,
        "PVEVMUser": use | (known & frozenset({"VM.GuestAgent.Audit"})),
        "PVEDatastoreUser": frozenset({"Datastore.AllocateSpace", "Datastore.Audit"}),
        "PVEPoolUser": frozenset({"Pool.Audit"}),
    }


def built_in(role: str, state: State) -> bool:
    """Tell whether a role is the vendor's own."""
    return role in every_role(state) and role not in state.roles


def permissions(state: State, who: str, path: str) -> dict[str, bool]:
    """Return what somebody, or a token, may do on a path, and whether below it too."""
    if who == ROOT:
        return dict.fromkeys(every_role(state)["Administrator"], True)
    user, _, name = who.partition("!")
    if not name:
        return _own(state, who, path)
    found = state.users.get(user)
    token = found.tokens.get(name) if found is not None else None
    if token is None:
        return {}
    of_user = permissions(state, user, path)
    if not token.privsep:
        return of_user
    return {privilege: below and of_user[privilege] for privilege, below in _own(state, who, path).items() if privilege in of_user}


def require(state: State, who: str, path: str, *privileges: str) -> None:
    """Refuse somebody who has not all of these privileges on a path: 403, with the first that is missing."""
    held = permissions(state, who, path)
    for privilege in privileges:
        if privilege not in held:
            raise forbidden(path, privilege)


def require_any(state: State, who: str, path: str, *privileges: str) -> None:
    """Refuse somebody who has none of these privileges on a path."""
    if not may(state, who, path, *privileges):
        raise forbidden(path, *privileges)


def may(state: State, who: str, path: str, *privileges: str) -> bool:
    """Tell whether somebody has one of these privileges on a path."""
    held = permissions(state, who, path)
    return any(privilege in held for privilege in privileges)


def effective(state: State, who: str) -> dict[str, dict[str, bool]]:
    """Return what somebody may do on every path that is spoken of anywhere; paths where he may do nothing are left out."""
    paths = {*_TOP, *(grant.path for grant in state.grants)}
    for pool in state.pools.values():
        paths |= {f"/vms/{number}" for number in pool.guests} | {f"/storage/{storage}" for storage in pool.storages}
    found = {path: permissions(state, who, path) for path in sorted(paths)}
    return {path: held for path, held in found.items() if held}


def _own(state: State, who: str, path: str) -> dict[str, bool]:
    """Return what the access list gives somebody or a token, before a token is held against its user."""
    roles = _roles(state, who, path)
    if NO_ACCESS not in roles:
        for pool_roles in _pools(state, who, path):
            if NO_ACCESS in pool_roles:
                return {}
            roles = {**dict.fromkeys(pool_roles, False), **roles}
    known = every_role(state)
    held: dict[str, bool] = {}
    for role, below in roles.items():
        for privilege in known.get(role, frozenset()):
            held[privilege] = held.get(privilege, False) or below
    return held


def _pools(state: State, who: str, path: str) -> list[dict[str, bool]]:
    """Return the roles on each pool that what stands at a path is in."""
    of_path = [
        name
        for name, pool in state.pools.items()
        if path in {*(f"/vms/{number}" for number in pool.guests), *(f"/storage/{storage}" for storage in pool.storages)}
    ]
    return [roles for name in of_path if (roles := _roles(state, who, f"/pool/{name}"))]


def _roles(state: State, who: str, path: str) -> dict[str, bool]:
    """Return roles on a path with whether they go on below: what stands deeper replaces what stands above it."""
    roles: dict[str, bool] = {}
    user = state.users.get(who)
    groups = user.groups if user is not None else []
    for step in _steps(path):
        here = [grant for grant in state.grants if grant.path == step and (grant.propagate or step == path)]
        own = [grant for grant in here if grant.holder == who and grant.kind in {"user", "token"}]
        of_groups = [grant for grant in here if grant.kind == "group" and grant.holder in groups]
        if own or of_groups:
            roles = _as_roles(own or of_groups)
    return {NO_ACCESS: roles[NO_ACCESS]} if NO_ACCESS in roles else roles


def _as_roles(grants: list[Grant]) -> dict[str, bool]:
    return {grant.role: grant.propagate for grant in grants}


def _steps(path: str) -> list[str]:
    """Return a path and all above it, from the root on."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]
