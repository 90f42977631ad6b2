from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from drtool.model.errors import Refused
from drtool.model.ledger import Existing
from drtool.model.lying import lies_in
from drtool.sources.files.machine.asking import ask, require
from drtool.trees.filesystem import FileSystem

_FOLDERS: Final = ("/var/lib/postgresql", "/var/lib/pgsql", "/var/lib/mysql", "/var/lib/mariadb")
"""Where distributions put them."""
POSTGRESQL, MYSQL = "PostgreSQL", "MySQL or MariaDB"
_MARKS: Final = {"PG_VERSION": POSTGRESQL, "ibdata1": MYSQL}
_SERVERS: Final = {"postgres": POSTGRESQL, "postmaster": POSTGRESQL, "mysqld": MYSQL, "mariadbd": MYSQL}
_FOLDER: Final = {POSTGRESQL: re.compile(r" -D ?(/\S+)", re.ASCII), MYSQL: re.compile(r" --datadir[= ](/\S+)", re.ASCII)}
_IN_A_CONTAINER: Final = re.compile("docker|libpod|kubepods|containerd|lxc|machine.slice")
_ABSENT: Final = (b"No such file or directory", b"Not a directory")


def read_databases(file_system: FileSystem, folders: Iterable[str] = _FOLDERS) -> list[Existing]:
    """Return the data folders of database servers, and the servers that run; those in containers are told with these."""
    lying = dict(_folders(file_system, folders))
    running = list(_servers(file_system))
    folders_of = {folder: server for server, folder in running if folder} | lying
    places = {folder for _server, folder in running}
    found = [
        Existing(f"database:{folder}", "database", (folder,), f"{server}, {'running' if folder in places else 'at rest'}")
        for folder, server in sorted(folders_of.items())
        if folder in places or not any(folder != other and lies_in(folder, other) for other in lying)
    ]
    # Anybody may call a process like a server: what it says of its folder takes no line away.
    nowhere = {server for server, folder in running if not folder} - set(lying.values())
    return found + [
        Existing(f"database:{server}", "database", note=f"{server}, running; in which folder it does not tell")
        for server in sorted(nowhere)
    ]


def _folders(file_system: FileSystem, folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    marks = [word for mark in _MARKS for word in ("-o", "-name", mark)][1:]
    completed = ask(file_system, "find", "-H", *folders, "-maxdepth", "3", "(", *marks, ")", "-printf", r"%f\0%h\0")
    barred = [line for line in completed.standard_error.splitlines() if not line.endswith(_ABSENT)]
    if barred:
        raise Refused(os.fsdecode(barred[0].removeprefix(b"find: "))[:300])
    fields = [os.fsdecode(field) for field in completed.standard_output.split(b"\0")]
    for mark, folder in zip(fields[0::2], fields[1::2], strict=False):
        if mark in _MARKS:
            yield folder, _MARKS[mark]


def _servers(file_system: FileSystem) -> Iterator[tuple[str, str]]:
    """Yield what runs as the main process of a server, and its folder; empty where its arguments do not tell that."""
    for line in os.fsdecode(require(file_system, "ps", "-e", "-ww", "-o", "cgroup=,args=")).split("\n"):
        group, _space, words = line.strip().partition(" ")
        program = posixpath.basename(words.split()[0]) if words.split() else ""
        if program in _SERVERS and not _IN_A_CONTAINER.search(group):
            server = _SERVERS[program]
            told = _FOLDER[server].search(words)
            yield server, posixpath.normpath(told[1]) if told else ""
