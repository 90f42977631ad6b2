"""A repository whose key file is not there: was it never made, or is the key what is missing?"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from drtool.model.command import Command
from drtool.model.errors import DrtoolError, NoRepository, Refused, Unavailable, WrongKey
from drtool.model.memory import missed_hint
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.offsite.restic import command as commands
from drtool.offsite.restic.address import Reach, resolve
from drtool.offsite.restic.errors import translate, translate_words
from drtool.ports import Finding, SecretStore

if TYPE_CHECKING:
    from drtool.offsite.restic.client import Client

_SECONDS = 25.0
_SSH_FAILED = 255
_SAID = 700
_NOBODYS_KEY = "the key of no repository"
_PLAIN = frozenset({"sftp", "s3", "rest", "b2", "azure", "gs", "swift", "rclone"})


def key_is_gone(address: Address) -> bool:
    """Tell whether the key file that an address names is not there."""
    if address.password.scheme != "file":
        return False
    try:
        os.lstat(os.path.expanduser(address.password.value))
    except FileNotFoundError:
        return True
    except OSError:  # what may not be looked at may be there
        return False
    return False


def resolved(policy: RepositoryPolicy, secrets: SecretStore, *, was_there: Callable[[], bool]) -> Reach:
    """Return how a repository is reached from here; where its key file is not there, the error says what that means."""
    try:
        return resolve(policy.address, secrets)
    except Refused as error:
        # One that may not be looked up is another matter.
        if isinstance(error.__context__, FileNotFoundError) and key_is_gone(policy.address):
            raise without_key(policy.name, policy.address, was_there=was_there()) from None
        raise


def without_key(name: str, address: Address, *, was_there: bool) -> DrtoolError:
    """Return what a missing key file means: nothing lies at the place either, so it was never made; or only the key is missing.

    Anything that lies at its place may be the repository, and what is not mounted or far away may hold it: then nothing is claimed.
    Where this machine knows of one (`was_there`), it is missed, and none is made in its place.
    """
    location, key = address.location.removeprefix("local:"), address.password
    init, safe = f"drtool init {name}", "nothing was started"
    if location.partition(":")[0] in _PLAIN:
        hint = "bring that key back, the recovery sheet says which it is"
        hint = f"{missed_hint(name)}; its key: {hint}" if was_there else f"if {name} was never made: {init}; if it was: {hint}"
        return Refused(f"the key {key} of {name} is not there", hint=hint, safe=safe)
    if _is_taken(location):
        hint = f"bring that key back, the recovery sheet says which it is: something lies at {location}"
        return Refused(f"the key {key} of {name} is not there", hint=hint, safe=safe)
    if was_there:
        what = f"the repository {name} is not there: neither {location} nor its key {key} is"
        return NoRepository(what, hint=missed_hint(name), safe=safe)
    what = f"the repository {name} is not there yet: neither {location} nor its key {key} is"
    if not os.path.isdir(os.path.dirname(location.rstrip("/"))):
        return NoRepository(what, hint=f"{init}; if it was made before: mount its disk, and bring its key back", safe=safe)
    return NoRepository(what, hint=init, safe=safe)


def _is_taken(location: str) -> bool:
    try:
        return bool(os.listdir(location))
    except FileNotFoundError:
        return False
    except OSError:  # it is no folder, or closed to us: something is there
        return True


def examine_without_key(client: Client) -> Finding:
    """Answer `doctor` where the key file is missing: a place far away is asked with a key that opens nothing, and says what is there."""
    name, address = client.name, client.policy.address
    was_there = client.was_there()
    told = without_key(name, address, was_there=was_there)
    location = address.location.removeprefix("local:")
    if location.partition(":")[0] not in _PLAIN:
        text = told.what.replace(f"the repository {name} is", "it is", 1)
        return Finding(f"{name}: {'repository' if isinstance(told, NoRepository) else 'key'}", good=False, text=text, remedy=told.hint)
    error = _asked_without_key(client)
    if error is None or isinstance(error, WrongKey):
        text = f"the repository is there, and its key {address.password} is not"
        return Finding(f"{name}: key", good=False, text=text, remedy="bring that key back: the recovery sheet says which it is")
    if isinstance(error, NoRepository):
        text = f"it is not there{'' if was_there else ' yet'}: neither {address.location} nor its key {address.password} is"
        remedy = missed_hint(name) if was_there else f"drtool init {name}"
        return Finding(f"{name}: repository", good=False, text=text, remedy=remedy)
    return Finding(f"{name}: {error.kind}", good=False, text=f"{error.what}; its key {address.password} is not there", remedy=error.hint)


def _asked_without_key(client: Client) -> DrtoolError | None:
    try:
        reach = resolve(client.policy.address, _Keyless(client.secrets, client.policy.address.password))
        client.probe.look(reach, must_exist=False)
        command = commands.Frame(client.binary).command(reach, commands.CONFIG, timeout_seconds=_SECONDS)
        completed = client.local.run(replace(command, still_seconds=_SECONDS))
    except DrtoolError as error:
        return refusal_of_ssh(client, client.policy.address) or error if isinstance(error, Unavailable) else error
    if not completed.exit_code:
        return None
    told = translate(completed, repository=client.name, verb="open it")
    return refusal_of_ssh(client, client.policy.address) or told if isinstance(told, Unavailable) else told


def refusal_of_ssh(client: Client, address: Address) -> DrtoolError | None:
    """Return why ssh itself does not get to a repository over SFTP: restic may end before it passes on what ssh said."""
    reach = Reach(address.location, {}, {}, ssh_config=address.ssh_config)
    if reach.scheme != "sftp":
        return None
    argv = tuple(shlex.split(reach.options[1].partition("=")[2]))
    try:
        completed = client.local.run(Command(argv, standard_input=b"", timeout_seconds=_SECONDS))
    except DrtoolError as error:
        return error
    if completed.exit_code != _SSH_FAILED:
        return None
    return translate_words(completed.said(_SAID), code=completed.exit_code, repository=client.name, verb="reach its server")


@dataclass(frozen=True, slots=True)
class _Keyless:
    """Resolves everything but the key that is missing."""

    secrets: SecretStore
    missing: SecretReference

    def resolve(self, reference: SecretReference) -> Secret:
        return Secret(_NOBODYS_KEY) if reference == self.missing else self.secrets.resolve(reference)
