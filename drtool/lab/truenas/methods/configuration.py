"""`config.*`: the appliance's own configuration, out and in."""

from __future__ import annotations

import io
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from typing import Final

from drtool.lab.truenas.answers import CallError
from drtool.lab.truenas.registry import Arguments, Call, Method, NoArguments

_DATABASE: Final = "freenas-v1.db"
_SEED: Final = "pwenc_secret"
_REBOOT_SECONDS: Final = 10.0


class SaveOptions(Arguments):
    secretseed: bool = False
    pool_keys: bool = False
    root_authorized_keys: bool = False


class Save(Arguments):
    options: SaveOptions = SaveOptions()


def save(call: Call, arguments: Save) -> None:
    """Write the configuration: an archive, or with no option the bare database."""
    options = arguments.options
    database = _database(call)
    if not (options.secretseed or options.root_authorized_keys):
        call.download = database
        return
    files = {_DATABASE: database}
    if options.secretseed:
        files[_SEED] = bytes.fromhex(call.appliance.state.seed)
    if options.root_authorized_keys:
        files["root_authorized_keys"] = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDc0 root@truenas\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), int(call.appliance.clock.now().timestamp())
            archive.addfile(entry, io.BytesIO(content))
    call.download = packed.getvalue()


def upload(call: Call, _arguments: NoArguments) -> None:
    """Take a configuration; a newer release's is refused. The seed without which its secrets are lost is taken from it or made anew."""
    seed = b""
    database = call.upload
    if not database.startswith(b"SQLite format 3"):
        try:
            with tarfile.open(fileobj=io.BytesIO(call.upload)) as archive:
                names = archive.getnames()
                if _DATABASE not in names:
                    raise CallError("The uploaded file does not contain a database")
                found = archive.extractfile(_DATABASE)
                database = found.read() if found is not None else b""
                kept = archive.extractfile(_SEED) if _SEED in names else None
                seed = kept.read() if kept is not None else b""
        except tarfile.TarError as error:
            raise CallError(f"The uploaded file is not valid: {error}") from None
    version = _version_in(database)
    state = call.appliance.state
    if _release(version) > _release(state.version):
        raise CallError("Provided configuration file is from a newer version: upgrade first, then upload it")
    state.seed = seed.hex() if seed else os.urandom(32).hex()
    state.uploads += 1
    call.appliance.save()
    appliance = call.appliance
    appliance.later(appliance.scaled(_REBOOT_SECONDS), lambda: appliance.reboot(appliance.scaled(_REBOOT_SECONDS)))


def _database(call: Call) -> bytes:
    state = call.appliance.state
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, _DATABASE)
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE system_settings (id INTEGER PRIMARY KEY, stg_version TEXT)")
            database.execute("INSERT INTO system_settings VALUES (1, ?)", (state.version,))
            database.execute("CREATE TABLE alembic_version (version_num TEXT)")
            database.execute("INSERT INTO alembic_version VALUES (?)", (_release(state.version)[0],))
            database.execute(
                "CREATE TABLE storage_encrypteddataset (id INTEGER PRIMARY KEY, name TEXT, encryption_key TEXT, kmip_uid TEXT)"
            )
            roots = [root for root, each in sorted(state.encryption.items()) if each.format == "HEX"]
            database.executemany(
                "INSERT INTO storage_encrypteddataset (name, encryption_key) VALUES (?, ?)",
                [(root, f"sealed:{state.seed[:8]}") for root in roots],
            )
            database.execute("CREATE TABLE sharing_nfs_share (id INTEGER PRIMARY KEY, nfs_path TEXT)")
            shares = [(share["id"], share["path"]) for share in state.shares if share["kind"] == "nfs"]
            database.executemany("INSERT INTO sharing_nfs_share VALUES (?, ?)", shares)
        with open(path, "rb") as stream:
            return stream.read()


def _version_in(content: bytes) -> str:
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(content)
        stream.flush()
        try:
            with closing(sqlite3.connect(f"file:{stream.name}?mode=ro", uri=True)) as database:
                found = database.execute("SELECT stg_version FROM system_settings").fetchone()
        except sqlite3.Error as error:
            raise CallError(f"The uploaded file is not a valid database: {error}") from None
    return str(found[0])


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


METHODS: Final = (
    Method("config.save", Save, save, roles=("FULL_ADMIN",), job=True, pipe="output", lock=lambda _arguments: "config_save"),
    Method("config.upload", NoArguments, upload, roles=("FULL_ADMIN",), job=True, pipe="input", lock=lambda _arguments: "config_upload"),
)
