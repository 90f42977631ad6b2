"""What can go wrong with a NAS, for which verb, and what drtool must answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DATASET = "tank/documents"
SNAPSHOT = f"{DATASET}@drtool-*"
CLONE = "tank/drtool-clone-*"
STAGE = "tank/drtool-stage-*"
SANDBOX = "tank/drill/drtool-*"
ALWAYS: dict[str, Any] = {"call": 0}
FULL: dict[str, Any] = {"kind": "storage", "reason": "out of space"}
BUSY: dict[str, Any] = {"kind": "storage", "reason": "dataset is busy"}


@dataclass(frozen=True)
class Case:
    """One fault against one verb.

    `code` is the exit code, `says` what must stand in the words told, `types` what a person shall do. `seals` counts the points that are
    sealed all the same, `in_service` tells which dataset is after the verb, `resisting` what the sweep says that fails too until `undo`:
    calls by which somebody puts right on the NAS what was done there. `action` is shell text carried out when restic moves data. A `lease`
    is waited for. Not `strict` where somebody else took away what was in service.
    """

    name: str
    verb: str
    faults: tuple[dict[str, Any], ...] = ()
    code: int = 0
    says: str = ""
    types: str = ""
    undo: tuple[tuple[Any, ...], ...] = ()
    resisting: str = ""
    seals: int = 0
    in_service: str = ""
    lease: str = ""
    action: str = ""
    strict: bool = True


def at(method: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"method": method, **more}


def meanwhile(method: str, *asks: list[Any], call: int = 1) -> dict[str, Any]:
    return {"method": method, "kind": "meanwhile", "asks": asks, "call": call}


def reboot(method: str, when: str) -> dict[str, Any]:
    return {"method": method, "kind": f"reboot_{when}", "seconds": 0.1}


DELETE = {"recursive": True, "force": True}
RENAME = {"new_name": "tank/moved", "force": True}
BACK = ("pool.dataset.rename", "tank/moved", {"new_name": DATASET, "force": True})

EVERYTHING = ["pool.snapshot.create", {"dataset": "tank", "name": "auto-1", "recursive": True}]
NO_MORE = ("pool.snapshot.delete", "tank@auto-1", {"recursive": True})

FULL_SAYS: dict[str, Any] = {"code": 6, "says": "out of space", "types": "free space in that pool"}
LOST: dict[str, Any] = {"code": 1, "says": "does not show", "types": "look what is mounted there"}
DIED: dict[str, Any] = {"code": 6, "says": "restic was ended by signal 9", "types": "drtool doctor near", "action": "kill -KILL $$"}
ODD: dict[str, Any] = {"kind": "error_after", "errno": "EFAULT", "reason": "odd"}
ODD_SAYS: dict[str, Any] = {"code": 6, "says": "odd", "types": "look at the audit log"}
REVOKED: dict[str, Any] = {"code": 6, "says": "the key is revoked", "types": "make a new API key"}
UNTRUSTED: dict[str, Any] = {"code": 6, "says": "is not trusted", "types": "compare what"}
GONE: dict[str, Any] = {"code": 1, "types": "look whether it was renamed or destroyed"}
FINISHES = "drtool sweep, which finishes what was begun"

RUN = (
    Case("pool full at the snapshot", "run", (at("pool.snapshot.create", **FULL, **ALWAYS),), **FULL_SAYS),
    Case("pool full at the clone", "run", (at("pool.snapshot.clone", **FULL, **ALWAYS),), **FULL_SAYS),
    Case(
        "clone not mounted", "run", (at("pool.snapshot.clone", kind="not_mounted"),), code=1, says="is not mounted", types="look at it on"
    ),
    Case("clone busy for a while", "run", (at("pool.dataset.delete", **BUSY, times=4),), seals=1),
    Case("clone busy for good", "run", (at("pool.dataset.delete", **BUSY, **ALWAYS),), code=11, says="is busy", types="see on", seals=1),
    Case(
        "somebody clones our snapshot",
        "run",
        (meanwhile("pool.snapshot.clone", ["pool.snapshot.clone", {"snapshot": SNAPSHOT, "dataset_dst": "tank/theirs"}]),),
        code=6,
        says="has dependent clones: tank/theirs",
        types="look on the NAS who holds or cloned it; when he lets go: drtool sweep",
        resisting="tank/theirs",
        undo=(("pool.dataset.delete", "tank/theirs", DELETE),),
        seals=1,
    ),
    Case(
        "somebody holds our snapshot",
        "run",
        (meanwhile("pool.snapshot.clone", ["pool.snapshot.hold", SNAPSHOT]),),
        code=6,
        says="is in use by somebody else",
        types="look on the NAS who holds or cloned it; when he lets go: drtool sweep",
        resisting="who holds or cloned it",
        undo=(("pool.snapshot.release", SNAPSHOT),),
        seals=1,
    ),
    Case("everything snapshotted while it is read", "run", (meanwhile("sharing.nfs.create", EVERYTHING),), undo=(NO_MORE,), seals=1),
    Case(
        "dataset renamed after the plan",
        "run",
        (meanwhile("pool.snapshot.create", ["pool.dataset.rename", DATASET, RENAME]),),
        **GONE,
        undo=(BACK,),
    ),
    Case(
        "dataset renamed after the snapshot",
        "run",
        (meanwhile("pool.snapshot.clone", ["pool.dataset.rename", DATASET, RENAME]),),
        **GONE,
        undo=(BACK,),
    ),
    Case("snapshot destroyed before the clone", "run", (meanwhile("pool.snapshot.clone", ["pool.snapshot.delete", SNAPSHOT]),), **GONE),
    Case("clone destroyed before it is read", "run", (meanwhile("sharing.nfs.create", ["pool.dataset.delete", CLONE, DELETE]),), **GONE),
    Case("mount lost before it is read", "run", **LOST, action='umount -l "$MOUNTED"'),
    Case("mount lost while it is read", "run", **LOST, action='(sleep 0.02; umount -l "$MOUNTED") &'),
    Case("reboot before the snapshot", "run", (reboot("pool.snapshot.create", "before"),), seals=1),
    Case("reboot after the snapshot", "run", (reboot("pool.snapshot.create", "after"),), seals=1),
    Case("reboot after the clone", "run", (reboot("pool.snapshot.clone", "after"),), seals=1),
    Case("reboot after the share", "run", (reboot("sharing.nfs.create", "after"),), seals=1),
    Case("reboot at the end", "run", (reboot("pool.dataset.delete", "before"),), seals=1),
    Case("key revoked", "run", (at("pool.snapshot.clone", kind="revoke"),), **REVOKED),
    Case(
        "certificate changed",
        "run",
        (at("pool.snapshot.clone", kind="certificate"), at("pool.snapshot.clone", kind="cut_after")),
        **UNTRUSTED,
    ),
    Case("answers of 5 MB", "run", (at("pool.*", kind="large", every=3),), seals=1),
    Case("rate limit", "run", (at("*.query", kind="rate_limit", every=4),), seals=1),
    Case("rate limit at the login", "run", (at("auth.login_ex", kind="rate_limit"),), seals=1),
    Case("rate limit for good", "run", (at("auth.login_ex", kind="rate_limit", **ALWAYS),), code=1, says="limits how often it is asked"),
    Case("slow", "run", (at("pool.snapshot.*", kind="slow", seconds=0.2, **ALWAYS),), seals=1),
    Case("snapshot fails after the work", "run", (at("pool.snapshot.create", **ODD),), **ODD_SAYS),
    Case("clone fails after the work", "run", (at("pool.snapshot.clone", **ODD),), **ODD_SAYS),
    Case("share fails after the work", "run", (at("sharing.nfs.create", **ODD),), seals=1),  # it is there, and it is ours
    Case("restic dies", "run", **DIED),
)

RESTORE = (
    Case("pool full at the new dataset", "restore", (at("pool.dataset.create", **FULL, **ALWAYS),), **FULL_SAYS, in_service="old"),
    Case("pool full at the rename", "restore", (at("pool.dataset.rename", **FULL, **ALWAYS),), **FULL_SAYS, in_service="old"),
    Case("pool full at the second rename", "restore", (at("pool.dataset.rename", **FULL, call=2),), **FULL_SAYS, in_service="old"),
    Case(
        "pool full from the second rename on",
        "restore",
        (at("pool.dataset.rename", **FULL, call=2, times=100),),
        code=6,
        says="the old one is kept as tank/documents.before-",
        types=FINISHES,
    ),
    Case(
        "new dataset not mounted",
        "restore",
        (at("pool.dataset.create", kind="not_mounted"),),
        code=6,
        says="is not mounted",
        in_service="old",
    ),
    Case("dataset busy for a while", "restore", (at("pool.dataset.rename", **BUSY, times=3),), in_service="new"),
    Case(
        "dataset busy for good",
        "restore",
        (at("pool.dataset.rename", **BUSY, **ALWAYS),),
        code=11,
        says="is in use and cannot be renamed",
        types="stop what has files open in it",
        in_service="old",
    ),
    Case(
        "dataset renamed after the plan",
        "restore",
        (meanwhile("pool.dataset.create", ["pool.dataset.rename", DATASET, RENAME]),),
        undo=(("pool.dataset.delete", DATASET, DELETE), BACK),
        in_service="new",
    ),
    Case(
        "dataset destroyed after the plan",
        "restore",
        (meanwhile("pool.dataset.create", ["pool.dataset.delete", DATASET, DELETE]),),
        in_service="new",
        strict=False,
    ),
    Case(
        "something new at the target",
        "restore",
        (meanwhile("pool.dataset.rename", ["pool.dataset.create", {"name": DATASET}], call=2),),
        code=1,
        says="already exists",
        types=FINISHES,
        resisting="something new stands at tank/documents",
        undo=(("pool.dataset.delete", DATASET, DELETE),),
    ),
    Case(
        "staging destroyed before the cutover",
        "restore",
        (meanwhile("pool.dataset.rename", ["pool.dataset.delete", STAGE, DELETE]),),
        **GONE,
        in_service="old",
    ),
    Case("reboot after the new dataset", "restore", (reboot("pool.dataset.create", "after"),), in_service="new"),
    Case("reboot between the renames", "restore", (reboot("pool.dataset.rename", "after"),), in_service="new"),
    Case("reboot at the last mark", "restore", (reboot("pool.dataset.update", "before"),), in_service="new"),
    Case("key revoked between the renames", "restore", (at("pool.dataset.rename", kind="revoke", call=2),), **REVOKED),
    Case(
        "certificate changed between the renames",
        "restore",
        (at("pool.dataset.rename", kind="certificate"), at("pool.dataset.rename", kind="cut_after")),
        code=6,
        says="is not trusted",
        types=FINISHES,
    ),
    Case("mark fails after the work", "restore", (at("pool.dataset.update", **ODD),), **ODD_SAYS, in_service="old"),
    Case("rename fails after the work", "restore", (at("pool.dataset.rename", **ODD),), in_service="new"),
    Case("second rename fails after the work", "restore", (at("pool.dataset.rename", **ODD, call=2),), in_service="new"),
    Case(
        "what lay below cannot be moved",
        "restore",
        (at("pool.dataset.rename", **FULL, call=3),),
        code=6,
        says="what was restored is in service as tank/documents; the old one is tank/documents.before-",
        types=FINISHES,
        in_service="new",
    ),
    Case("mount lost while it is poured", "restore", **LOST, action='umount -l "$MOUNTED"', in_service="old"),
    Case(
        "everything snapshotted while it is poured",
        "restore",
        (meanwhile("sharing.nfs.create", EVERYTHING),),
        undo=(NO_MORE,),
        in_service="new",
    ),
    Case(
        "everything snapshotted and restic dies",
        "restore",
        (meanwhile("sharing.nfs.create", EVERYTHING),),
        **DIED,
        undo=(NO_MORE,),
        in_service="old",
    ),
    Case("rate limit", "restore", (at("*.query", kind="rate_limit", every=4),), in_service="new"),
    Case("restic dies", "restore", **DIED, in_service="old"),
)

DRILL = (
    Case("pool full at the sandbox", "drill", (at("pool.dataset.create", **FULL, **ALWAYS),), **{**FULL_SAYS, "code": 1}),
    Case("pool full at the restored dataset", "drill", (at("pool.dataset.create", **FULL, call=2, times=99),), **FULL_SAYS),
    Case(
        "sandbox not mounted",
        "drill",
        (at("pool.dataset.create", kind="not_mounted"),),
        code=1,
        says="is not mounted",
        types="look at it on",
    ),
    Case("sandbox busy for a while", "drill", (at("pool.dataset.delete", **BUSY, times=3),)),
    Case(
        "sandbox busy for good",
        "drill",
        (at("pool.dataset.delete", **BUSY, **ALWAYS),),
        code=11,
        says="is busy",
        types="see on",
        lease="2s",
    ),
    Case("sandbox destroyed in the middle", "drill", (meanwhile("pool.dataset.rename", ["pool.dataset.delete", SANDBOX, DELETE]),), **GONE),
    Case(
        "somebody's task takes the sandbox",
        "drill",
        (meanwhile("pool.dataset.rename", ["pool.snapshottask.create", {"dataset": SANDBOX}]),),
        code=6,
        says="is used on the NAS",
        types="remove or change those on the NAS, and sweep again",
        lease="2s",
    ),
    Case("everything snapshotted meanwhile", "drill", (meanwhile("pool.dataset.rename", EVERYTHING),), undo=(NO_MORE,)),
    Case("reboot in the middle", "drill", (reboot("pool.dataset.rename", "after"),)),
    Case("reboot at the release", "drill", (reboot("pool.dataset.delete", "after"),)),
    Case("key revoked", "drill", (at("pool.dataset.rename", kind="revoke"),), **REVOKED, lease="2s"),
    Case("restic dies", "drill", **DIED),
)
EVERY = (*RUN, *RESTORE, *DRILL)
