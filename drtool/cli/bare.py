"""A bare machine: the repository and its key are named on the command line, or as restic itself takes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from drtool.cli.options import Options
    from drtool.model.errors import Refused


@dataclass(frozen=True, slots=True)
class BareRepository:
    """A repository, the file with its key, and OpenSSH settings (empty: the usual)."""

    repository: str
    password_file: str
    ssh_config: str = ""


def bare_of(options: Options) -> BareRepository | None:
    """Return what was named instead of a policy, by option, or by restic's variables where there is no policy; else None."""
    named = _pair(options.repository, options.password_file, options.ssh_config)
    if named is not None:
        return named
    if options.machine and (options.policy or not os.environ.get("RESTIC_REPOSITORY")):
        raise click.UsageError("--machine goes with --repository; with a policy, `drtool adopt MACHINE` takes its points over")
    if options.policy or not os.environ.get("RESTIC_REPOSITORY") or _has_policy():
        return None
    if not os.environ.get("RESTIC_PASSWORD_FILE"):
        raise click.UsageError(
            "$RESTIC_REPOSITORY is set and there is no policy: name its key with --password-file or $RESTIC_PASSWORD_FILE"
        )
    return BareRepository(os.environ["RESTIC_REPOSITORY"], os.environ["RESTIC_PASSWORD_FILE"])


def policy_needed() -> Refused:
    """Return the refusal of a verb that goes by a policy where there is none; a password may stand in the address: it is not said."""
    from drtool.model.errors import Refused  # noqa: PLC0415 - like the policy

    return Refused(
        "this goes by a policy of your own, and there is none: $RESTIC_REPOSITORY with its key is enough to look and to restore",
        safe="nothing was started",
        hint="name the policy with --policy or $DRTOOL_POLICY; the one in that repository: drtool policy latest --output FILE; "
        "a first one: drtool new",
    )


def _pair(repository: str | None, password_file: str | None, ssh_config: str | None) -> BareRepository | None:
    location = repository or (os.environ.get("RESTIC_REPOSITORY") if password_file else None)
    key = password_file or (os.environ.get("RESTIC_PASSWORD_FILE") if repository else None)
    if location and key:
        return BareRepository(location, key, ssh_config or "")
    if repository or password_file:
        raise click.UsageError("--repository and --password-file go together ($RESTIC_REPOSITORY and $RESTIC_PASSWORD_FILE stand for them)")
    if ssh_config:
        raise click.UsageError("--ssh-config goes with --repository; a policy names its own")
    return None


def _has_policy() -> bool:
    from drtool.model.errors import PolicyError  # noqa: PLC0415
    from drtool.policy.find import find  # noqa: PLC0415

    try:
        find(None, os.environ)
    except PolicyError:
        return False
    return True
