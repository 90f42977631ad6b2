from __future__ import annotations

import shlex
from typing import Final

from drtool.model.policy import Settings
from drtool.sources.proxmox.privileges import NEEDS

ROLE: Final = "DrtoolLook"
USER: Final = "drtool@pve"
TOKEN: Final = "look"  # noqa: S105 - its name


def grants(settings: Settings) -> tuple[str, ...]:
    """Return the commands that make a user and a token with the rights of what is built, and no more; typed on a node, as root.

    A token has what its user and it itself have: both are granted.
    """
    privileges = " ".join(sorted({need.privilege for needs in NEEDS.values() for need in needs}))
    token = f"{USER}!{TOKEN}"
    return (
        f"pveum role add {ROLE} --privs {shlex.quote(privileges)}",
        f"pveum user add {USER} --comment {shlex.quote('drtool looks; it changes nothing')}",
        f"pveum acl modify / --users {USER} --roles {ROLE}",
        f"pveum user token add {USER} {TOKEN} --privsep 1",
        f"pveum acl modify / --tokens {shlex.quote(token)} --roles {ROLE}",
        f"# the secret is shown once; write the line {token}=SECRET where {settings['token']} finds it",
    )
