from __future__ import annotations

import shlex
from typing import Final

from drtool.model.policy import Settings
from drtool.sources.proxmox.privileges import NEEDS, Need, needs_of

ROLE: Final = "DrtoolLook"
USER: Final = "drtool@pve"
TOKEN: Final = "look"  # noqa: S105 - its name


def grants(settings: Settings, *, stores: bool) -> tuple[str, ...]:
    """Return the commands that make a user and a token with the rights of what is built, and no more; typed on a node, as root.

    `stores`: with what reading the cluster's own configuration needs. A token has what its user and it itself have: both are granted.
    """
    needs = sorted({need for major in NEEDS for need in needs_of(major, stores=stores)}, key=lambda need: (need.path, need.privilege))
    token = f"{USER}!{TOKEN}"
    roles = {need.privilege: f"{ROLE}{need.privilege.replace('.', '')}" for need in needs}
    return (
        *(f"pveum role add {role} --privs {privilege}" for privilege, role in sorted(roles.items())),
        f"pveum user add {USER} --comment {shlex.quote('drtool looks; it changes nothing')}",
        *(f"{_allowed(need)} --users {USER} --roles {roles[need.privilege]}" for need in needs),
        f"pveum user token add {USER} {TOKEN} --privsep 1",
        *(f"{_allowed(need)} --tokens {shlex.quote(token)} --roles {roles[need.privilege]}" for need in needs),
        f"# the secret is shown once; write the line {token}=SECRET where {settings['token']} finds it",
    )


def _allowed(need: Need) -> str:
    return f"pveum acl modify {need.path}" + ("" if need.below else " --propagate 0")
