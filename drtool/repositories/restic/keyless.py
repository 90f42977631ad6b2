"""What `doctor` says of a repository whose key file is not there, and of one that ssh does not get to."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from drtool.model.command import Command
from drtool.model.errors import DrtoolError, NoRepository, Unavailable, WrongKey
from drtool.model.location import FAR_SCHEMES
from drtool.model.memory import missed_hint
from drtool.model.policy import Address
from drtool.model.secret import Secret, SecretReference
from drtool.ports import Finding, SecretStore
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.address import Access, resolve
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.errors import translate, translate_words
from drtool.repositories.restic.unmade import without_key

_SECONDS = 25.0
_SSH_FAILED = 255
_SAID = 700
_NOBODYS_KEY = "the key of no repository"


def examine_without_key(client: ResticClient) -> Finding:
    """Answer `doctor` where the key file is missing: a place far away is asked with a key that opens nothing, and says what is there."""
    name, address = client.name, client.policy.address
    was_there = client.was_there()
    told = without_key(name, address, was_there=was_there)
    location = address.location.removeprefix("local:")
    if location.partition(":")[0] not in FAR_SCHEMES:
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


def _asked_without_key(client: ResticClient) -> DrtoolError | None:
    try:
        access = resolve(client.policy.address, _Keyless(client.secrets, client.policy.address.password))
        client.probe.look(access, must_exist=False)
        command = commands.Frame(client.binary).command(access, commands.CONFIG, timeout_seconds=_SECONDS)
        completed = client.local.run(replace(command, still_seconds=_SECONDS))
    except DrtoolError as error:
        return refusal_of_ssh(client, client.policy.address) or error if isinstance(error, Unavailable) else error
    if not completed.exit_code:
        return None
    told = translate(completed, repository=client.name, verb="open it")
    return refusal_of_ssh(client, client.policy.address) or told if isinstance(told, Unavailable) else told


def refusal_of_ssh(client: ResticClient, address: Address) -> DrtoolError | None:
    """Return why ssh itself does not get to a repository over SFTP: restic may end before it passes on what ssh said."""
    access = Access(address.location, {}, {}, ssh_config=address.ssh_config)
    if access.scheme != "sftp":
        return None
    argv = tuple(shlex.split(access.options[1].partition("=")[2]))
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
