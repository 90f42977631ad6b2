"""The recovery sheet: what is kept on paper, away from the machine, so that another can begin."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from drtool.cli.render.words import printable, stamp
from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.model.key import KeyListing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from drtool.app.facade import App
    from drtool.model.policy import Address, Policy


def sheet_lines(policy: Policy, names: tuple[str, ...], *, at: datetime, keys: Iterable[KeyListing] = ()) -> list[str]:
    """Return the recovery sheet of an instant: what to keep elsewhere, and how to restore with it on a bare machine.

    `keys` are those of its repositories: each that is not in use here is named, as it opens everything too.
    """
    others = {listing.repository: listing for listing in keys}
    lines = ["", f"Recovery sheet of {printable(policy.name)}, {stamp(at)}: print it, and keep it with the keys away from this machine."]
    for name, repository in policy.repositories.items():
        if names and name not in names:
            continue
        address = repository.address
        lines.append(f"  {printable(name)}  {printable(address.location)}")
        lines.append(f"      its key is {printable(str(address.password))}: keep a copy of what is in it, without it nothing can be read")
        lines += [f"      {text}" for text in _other_keys(others.get(name))]
        lines += [f"      {text}" for text in (*_environment_lines(address), *_ssh_lines(address), *_rclone_lines(address))]
        words = ["--repository", shlex.quote(address.location), "--password-file", "KEYFILE"]
        words += ["--ssh-config", "SSHCONFIG"] if address.ssh_config else []
        lines.append(f"      on a bare machine: drtool restore {printable(' '.join(words))}")
    return lines


def _other_keys(listing: KeyListing | None) -> list[str]:
    """Name the keys that open a repository besides the one in use: whoever has the sheet must know what to look for in which safe."""
    if listing is None:
        return []
    if listing.problem:
        return [f"which other keys open it could not be asked: {printable(listing.problem)}"]
    said = []
    for key in listing.keys:
        if not key.current:
            proven = f"last proven {stamp(key.last_proven)}" if key.last_proven else "never proven"
            whose = printable(f"{key.user}@{key.host}")
            said.append(f"the key {printable(key.id)} ({whose}) of {stamp(key.created)} opens it too, {proven}")
    return said or ["no other key opens it"]


def other_keys(app: App) -> tuple[KeyListing, ...]:
    """Ask the repositories for their keys; one that does not answer is no reason to print no sheet."""
    try:
        return app.key_list()
    except Interrupted:
        raise
    except DrtoolError as error:
        return tuple(KeyListing(name, problem=error.what) for name in app.policy.repositories)


def _environment_lines(address: Address) -> list[str]:
    """Say what restic is told besides: on a bare machine it is exported by the same names."""
    said = [f"and {printable(variable)} from {printable(str(value))}" for variable, value in address.environment.items()]
    return [*said, "keep a copy of what these refer to, and export them by these names on a bare machine"] if said else []


def _rclone_lines(address: Address) -> list[str]:
    """Say what opens the way to a remote of rclone: its name in the address stands for what lies in a file of this machine."""
    if not address.location.startswith("rclone:") or "RCLONE_CONFIG" in address.environment:
        return []
    return ["what its remote stands for is in rclone's configuration: keep a copy of the file that `rclone config file` names"]


def _ssh_lines(address: Address) -> list[str]:
    """Say what of OpenSSH opens the way to an sftp repository: without it its key opens nothing."""
    if not address.location.startswith("sftp:"):
        return []
    if not address.ssh_config:
        return ["its machine is reached by ssh: keep the private key that opens it, its line of known_hosts, and its part of ~/.ssh/config"]
    names = f"{printable(address.ssh_config)} is its SSHCONFIG"
    return [f"{names}: keep a copy of it, and of the private key and the known hosts that it names; correct there where they lie"]


def signer_lines(app: App) -> list[str]:
    """Return the part of the recovery sheet by which a stranger believes evidence."""
    from drtool.catalog.allowed_signers import allowed_line  # noqa: PLC0415

    try:
        signer = app.signer()
    except Refused as error:  # a credential that only the service is given: the repositories are made all the same
        return [f"  who signs evidence cannot be told from here: {printable(error.what)}"]
    machine = printable(app.machine()) or "without an id"
    return [
        f"  this machine is {machine}; on the one that takes its place: drtool adopt {machine}",
        f"  its points and evidence are signed by {signer.fingerprint}; a file of allowed signers has this line:",
        f"      {allowed_line((printable(app.policy.name),), signer.public_key)}",
    ]
