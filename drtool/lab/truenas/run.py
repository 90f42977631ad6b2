"""Starting an appliance, and the policy that works against it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drtool.lab.truenas.appliance import Appliance, Witness, open_state
from drtool.lab.truenas.catalogue import every_method
from drtool.lab.truenas.certificate import ensure_certificate
from drtool.lab.truenas.devices import write_devices
from drtool.lab.truenas.directories import DirectoryStorage
from drtool.lab.truenas.directory_index import Index
from drtool.lab.truenas.exports import write_exports, write_programs
from drtool.lab.truenas.server import Server
from drtool.lab.truenas.shell import ALIAS, write_shell
from drtool.lab.truenas.state import State, User
from drtool.lab.truenas.storage import BLOCK, OWN, SPARSE, VOLUME, VOLUME_FILE, Storage
from drtool.lab.truenas.zfs import ZfsStorage
from drtool.lab.truenas.zfs_daemon import Start, ZfsDaemon
from drtool.ports import Clock, Runner

WORKER_ROLES: Final = (
    *("DATASET_READ", "DATASET_WRITE", "DATASET_DELETE", "SNAPSHOT_READ", "SNAPSHOT_WRITE", "SNAPSHOT_DELETE", "POOL_READ"),
    *("SHARING_NFS_READ", "SHARING_NFS_WRITE", "SHARING_SMB_READ", "SNAPSHOT_TASK_READ", "ALERT_LIST_READ", "FILESYSTEM_ATTRS_READ"),
    *("READONLY_ADMIN",),
)
WORKER: Final = "drtool"
ADMINISTRATOR: Final = "truenas_admin"


@dataclass(frozen=True, slots=True)
class Settings:
    """Which appliance to start: where it is kept, its release, its ports (0: any), its storage.

    `bytes` is the size of the disk under real ZFS, and `programs` a directory with its programs (empty: found on PATH). With a
    `plain_port` it listens there without TLS too. A fresh one gets a volume of `volume` bytes too, if any. A `hasty` one waits only a
    tenth of what the vendor waits.
    """

    directory: str
    release: str = "25.10"
    port: int = 0
    plain_port: int | None = None
    pool: str = "tank"
    zfs: bool = False
    programs: str = ""
    bytes: int = 8 << 30
    volume: int = 0
    hasty: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A running appliance: addresses, the files that let one in, and the directory with its mount program."""

    url: str
    plain_url: str
    certificate: str
    fingerprint: str
    worker_key_file: str
    administrator_key_file: str
    programs: str
    directory: str
    pool: str
    ssh: str = ""
    """The SSH destination of its shell, empty where it has none; known in `ssh_config`."""
    ssh_config: str = ""
    volume: str = ""
    """The volume it was furnished with, if any."""

    def policy(self) -> str:
        """Return a policy that works against it."""
        return _POLICY.format(
            url=self.url,
            worker=WORKER,
            key=self.worker_key_file,
            certificate=self.certificate,
            administrator=ADMINISTRATOR,
            administrator_key=self.administrator_key_file,
            directory=self.directory,
            pool=self.pool,
            ssh=f', ssh: {self.ssh}, ssh_config: "{self.ssh_config}"' if self.ssh else "",
            volume=_VOLUME.format(volume=self.volume) if self.ssh and self.volume else "",
        )


_POLICY: Final = """\
drtool: 1
name: lab
repositories:
  near: {{restic: "{directory}/repository", password: "file:{directory}/repository.key"}}
sources:
  nas:    {{truenas: {{url: "{url}", user: {worker}, key: "file:{key}", ca: "{certificate}"{ssh}}}}}
  system: {{truenas: {{url: "{url}", user: {administrator}, key: "file:{administrator_key}", ca: "{certificate}"}}}}
defaults:
  to: near
  keep: {{last: 3}}
sets:
  datasets:  {{protect: [{{nas: {{dataset: {pool}/documents, recursive: true}}}}]}}
  appliance: {{protect: [{{system: {{system: true}}}}]}}
{volume}sandboxes:
  lab:
    lease: 2h
    nas: {{dataset: {pool}/drtool-drill}}
    system: {{directory: "{directory}/sandboxes"}}
"""


_VOLUME: Final = "  volumes:   {{protect: [{{nas: {{dataset: {volume}}}}}]}}\n"


def serve(
    settings: Settings,
    *,
    runner: Runner,
    clock: Clock,
    start_apart: Start,
    on_start: Callable[[Started], None],
    until: Callable[[], bool],
    witness: Witness | None = None,
) -> None:
    """Run an appliance until told to stop; `on_start` is told when it answers, `until` is asked now and then.

    A `witness` is shown every request with its answer.
    """
    os.makedirs(settings.directory, mode=0o700, exist_ok=True)
    state = open_state(settings.directory, settings.release)
    storage = storage_of(settings, runner=runner, clock=clock, start_apart=start_apart)
    storage.start()
    try:
        for dataset in reversed(storage.datasets()):
            if state.is_locked(dataset.name):
                storage.unmount(dataset.name)
        _furnish(settings, state, storage)
        write_devices(settings.directory, storage)
        asyncio.run(_serve(settings, state, storage, runner=runner, clock=clock, on_start=on_start, until=until, witness=witness))
    finally:
        storage.stop()


def storage_of(settings: Settings, *, runner: Runner, clock: Clock, start_apart: Start) -> Storage:
    """Return the storage the settings ask for."""
    if not settings.zfs:
        return DirectoryStorage(settings.directory, settings.pool, runner, clock, Index(os.path.join(settings.directory, "storage.json")))
    daemon = ZfsDaemon(runner, start_apart, clock, settings.programs)
    return ZfsStorage(settings.directory, settings.pool, daemon, clock, settings.bytes, {})


async def _serve(
    settings: Settings,
    state: State,
    storage: Storage,
    *,
    runner: Runner,
    clock: Clock,
    on_start: Callable[[Started], None],
    until: Callable[[], bool],
    witness: Witness | None,
) -> None:
    zfs = storage.daemon.program("zfs") if isinstance(storage, ZfsStorage) else ""
    ssh_config = write_shell(settings.directory, runner=runner, zfs=zfs)
    appliance = Appliance(settings.directory, state, storage, clock, settings.hasty)
    if witness is not None:
        appliance.witness = witness
    appliance.save()
    write_exports(appliance)
    certificate = ensure_certificate(settings.directory, clock.now())
    server = Server(appliance, every_method(), certificate, settings.port, settings.plain_port)
    await server.start()
    try:
        on_start(
            Started(
                url=f"wss://localhost:{server.port}/api/current",
                plain_url=f"ws://localhost:{server.plain_port}/api/current" if settings.plain_port is not None else "",
                certificate=certificate.certificate,
                fingerprint=certificate.fingerprint(),
                worker_key_file=_key_file(settings, WORKER),
                administrator_key_file=_key_file(settings, ADMINISTRATOR),
                programs=write_programs(settings.directory),
                directory=settings.directory,
                pool=settings.pool,
                ssh=ALIAS if ssh_config else "",
                ssh_config=ssh_config,
                volume=f"{settings.pool}/disk" if settings.volume else "",
            )
        )
        while not until():  # noqa: ASYNC110 - a signal sets what is asked, and knows no loop
            await asyncio.sleep(0.1)
    finally:
        await server.stop()


def _furnish(settings: Settings, state: State, storage: Storage) -> None:
    """Give a fresh appliance its two users with a key each, its own datasets, and two to begin with; what is there stays."""
    for user, roles in ((WORKER, WORKER_ROLES), (ADMINISTRATOR, ("FULL_ADMIN",))):
        state.users.setdefault(user, User(user, list(roles)))
        if not os.path.exists(_key_file(settings, user)):
            _write_secret(_key_file(settings, user), state.add_key(user, "drtool"))
    repository_key = os.path.join(settings.directory, "repository.key")
    if not os.path.exists(repository_key):
        _write_secret(repository_key, secrets.token_urlsafe(32))
    if len(storage.datasets()) == 1:
        for name in OWN:
            storage.create(f"{settings.pool}/{name}", {})
        for name in (f"{settings.pool}/documents", f"{settings.pool}/documents/letters"):
            storage.create(name, {})
            with open(os.path.join(storage.datasets([name])[0].path, "read-me"), "w", encoding="utf-8") as stream:
                stream.write(f"This lies in {name}.\n")
        if settings.volume:
            _make_volume(f"{settings.pool}/disk", settings.volume, storage)


def _make_volume(name: str, size: int, storage: Storage) -> None:
    storage.create(name, {VOLUME: str(size), BLOCK: "16384", SPARSE: "yes"})
    with open(os.path.join(storage.datasets([name])[0].path, VOLUME_FILE), "wb") as stream:
        stream.write(f"This is the beginning of {name}.\n".encode())
        stream.truncate(size)


def _key_file(settings: Settings, user: str) -> str:
    return os.path.join(settings.directory, f"{user}.key")


def _write_secret(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
