"""What can go wrong with a NAS, for which verb, and what drtool must answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.truenas.nas_world import DATASET

SNAPSHOT = f"{DATASET}@drtool-*"
CLONE = "tank/drtool-clone-*"
STAGE = "tank/drtool-stage-*"
SANDBOX = "tank/drill/drtool-*"
ALWAYS = {"call": 0}
FULL = {"kind": "storage", "reason": "out of space"}
BUSY = {"kind": "storage", "reason": "dataset is busy"}


@dataclass(frozen=True)
class Case:
    """One fault against one verb.

    `code` is the exit code, `says` what must stand in the words told, `types` what a person shall do. `undo` are calls by which somebody
    puts right on the NAS what the fault did there. `resisting`: the sweep fails too until then. `action` is shell text carried out when
    restic moves data.
    """

    name: str
    verb: str
    faults: tuple[dict[str, Any], ...] = ()
    code: int = 0
    says: str = ""
    types: str = ""
    undo: tuple[tuple[Any, ...], ...] = ()
    resisting: bool = False
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

RUN = (
    Case("pool full at the snapshot", "run", (at("pool.snapshot.create", **FULL, **ALWAYS),)),
    Case("pool full at the clone", "run", (at("pool.snapshot.clone", **FULL, **ALWAYS),)),
    Case("clone not mounted", "run", (at("pool.snapshot.clone", kind="not_mounted"),)),
    Case("clone busy for a while", "run", (at("pool.dataset.delete", **BUSY, times=4),)),
    Case("clone busy for good", "run", (at("pool.dataset.delete", **BUSY, **ALWAYS),)),
    Case(
        "somebody clones our snapshot",
        "run",
        (meanwhile("pool.snapshot.clone", ["pool.snapshot.clone", {"snapshot": SNAPSHOT, "dataset_dst": "tank/theirs"}]),),
        undo=(("pool.dataset.delete", "tank/theirs", DELETE),),
        resisting=True,
    ),
    Case(
        "somebody holds our snapshot",
        "run",
        (meanwhile("pool.snapshot.clone", ["pool.snapshot.hold", SNAPSHOT]),),
        undo=(("pool.snapshot.release", SNAPSHOT),),
        resisting=True,
    ),
    Case("dataset renamed after the plan", "run", (meanwhile("pool.snapshot.create", ["pool.dataset.rename", DATASET, RENAME]),), undo=(BACK,)),
    Case("dataset renamed after the snapshot", "run", (meanwhile("pool.snapshot.clone", ["pool.dataset.rename", DATASET, RENAME]),), undo=(BACK,)),
    Case("snapshot destroyed before the clone", "run", (meanwhile("pool.snapshot.clone", ["pool.snapshot.delete", SNAPSHOT]),)),
    Case("clone destroyed before it is read", "run", (meanwhile("sharing.nfs.create", ["pool.dataset.delete", CLONE, DELETE]),)),
    Case("mount lost before it is read", "run", action='umount -l "$MOUNTED"'),
    Case("mount lost while it is read", "run", action='(sleep 0.03; umount -l "$MOUNTED") &'),
    Case("reboot before the snapshot", "run", (reboot("pool.snapshot.create", "before"),)),
    Case("reboot after the snapshot", "run", (reboot("pool.snapshot.create", "after"),)),
    Case("reboot after the clone", "run", (reboot("pool.snapshot.clone", "after"),)),
    Case("reboot after the share", "run", (reboot("sharing.nfs.create", "after"),)),
    Case("reboot at the end", "run", (reboot("pool.dataset.delete", "before"),)),
    Case("key revoked", "run", (at("pool.snapshot.clone", kind="revoke"),)),
    Case("certificate changed", "run", (at("pool.snapshot.clone", kind="certificate"), at("pool.snapshot.clone", kind="cut_after"))),
    Case("answers of 5 MB", "run", (at("pool.*", kind="large", every=3),)),
    Case("rate limit", "run", (at("*.query", kind="rate_limit", every=4),)),
    Case("rate limit at the login", "run", (at("auth.login_ex", kind="rate_limit"),)),
    Case("rate limit for good", "run", (at("auth.login_ex", kind="rate_limit", **ALWAYS),)),
    Case("slow", "run", (at("pool.snapshot.*", kind="slow", seconds=0.2, **ALWAYS),)),
    Case("login fails for good", "run", (at("auth.login_ex", kind="error", errno="EFAULT", **ALWAYS),)),
    Case("snapshot fails after the work", "run", (at("pool.snapshot.create", kind="error_after", errno="EFAULT", reason="odd"),)),
    Case("share fails after the work", "run", (at("sharing.nfs.create", kind="error_after", errno="EFAULT", reason="odd"),)),
    Case("clone fails after the work", "run", (at("pool.snapshot.clone", kind="error_after", errno="EFAULT", reason="odd"),)),
    Case("restic dies", "run", action="kill -KILL $$"),
)

RESTORE = (
    Case("pool full at the new dataset", "restore", (at("pool.dataset.create", **FULL, **ALWAYS),)),
    Case("pool full at the rename", "restore", (at("pool.dataset.rename", **FULL, **ALWAYS),)),
    Case("pool full at the second rename", "restore", (at("pool.dataset.rename", **FULL, call=2, times=100),)),
    Case("pool full at the second rename alone", "restore", (at("pool.dataset.rename", **FULL, call=2),)),
    Case("pool full while it is poured", "restore", action="echo 'no space left on device' >&2; exit 1"),
    Case("new dataset not mounted", "restore", (at("pool.dataset.create", kind="not_mounted"),)),
    Case("dataset busy for a while", "restore", (at("pool.dataset.rename", **BUSY, times=3),)),
    Case("dataset busy for good", "restore", (at("pool.dataset.rename", **BUSY, **ALWAYS),)),
    Case("dataset renamed after the plan", "restore", (meanwhile("pool.dataset.create", ["pool.dataset.rename", DATASET, RENAME]),),
         undo=(("pool.dataset.delete", DATASET, DELETE), BACK)),
    Case("dataset destroyed after the plan", "restore", (meanwhile("pool.dataset.create", ["pool.dataset.delete", DATASET, DELETE]),),
         strict=False),
    Case("something new at the target", "restore", (meanwhile("pool.dataset.rename", ["pool.dataset.create", {"name": DATASET}], call=2),),
         undo=(("pool.dataset.delete", DATASET, DELETE),), resisting=True),
    Case("staging destroyed before the cutover", "restore", (meanwhile("pool.dataset.rename", ["pool.dataset.delete", STAGE, DELETE]),)),
    Case("reboot after the new dataset", "restore", (reboot("pool.dataset.create", "after"),)),
    Case("reboot between the renames", "restore", (reboot("pool.dataset.rename", "after"),)),
    Case("reboot at the last mark", "restore", (reboot("pool.dataset.update", "before"),)),
    Case("key revoked between the renames", "restore", (at("pool.dataset.rename", kind="revoke", call=2),)),
    Case("certificate changed between the renames", "restore", (at("pool.dataset.rename", kind="certificate"), at("pool.dataset.rename", kind="cut_after"))),
    Case("mark fails after the work", "restore", (at("pool.dataset.update", kind="error_after", errno="EFAULT", reason="odd"),)),
    Case("rename fails after the work", "restore", (at("pool.dataset.rename", kind="error_after", errno="EFAULT", reason="odd"),)),
    Case("second rename fails after the work", "restore", (at("pool.dataset.rename", kind="error_after", errno="EFAULT", reason="odd", call=2),)),
    Case("mount lost while it is poured", "restore", action='umount -l "$MOUNTED"'),
    Case("rate limit", "restore", (at("*.query", kind="rate_limit", every=4),)),
    Case("restic dies", "restore", action="kill -KILL $$"),
)

DRILL = (
    Case("pool full at the sandbox", "drill", (at("pool.dataset.create", **FULL, **ALWAYS),)),
    Case("pool full at the second dataset", "drill", (at("pool.dataset.create", **FULL, call=2, times=100),)),
    Case("sandbox not mounted", "drill", (at("pool.dataset.create", kind="not_mounted"),)),
    Case("sandbox busy for a while", "drill", (at("pool.dataset.delete", **BUSY, times=3),)),
    Case("sandbox busy for good", "drill", (at("pool.dataset.delete", **BUSY, **ALWAYS),)),
    Case("sandbox destroyed in the middle", "drill", (meanwhile("pool.dataset.rename", ["pool.dataset.delete", SANDBOX, DELETE]),)),
    Case("somebody shares the sandbox", "drill", (meanwhile("pool.dataset.rename", ["pool.snapshottask.create", {"dataset": SANDBOX}]),),
         resisting=True),
    Case("reboot in the middle", "drill", (reboot("pool.dataset.rename", "after"),)),
    Case("reboot at the release", "drill", (reboot("pool.dataset.delete", "after"),)),
    Case("key revoked", "drill", (at("pool.dataset.rename", kind="revoke"),)),
    Case("mount lost before it is checked", "drill", (at("pool.dataset.rename", kind="slow", seconds=0.1),)),
    Case("restic dies", "drill", action="kill -KILL $$"),
)
EVERY = (*RUN, *RESTORE, *DRILL)
