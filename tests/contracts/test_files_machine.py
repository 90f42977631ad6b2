"""What there is on a machine, asked of real programs; those that this machine lacks are executable scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drtool.model.errors import Unavailable
from drtool.model.ledger import Existing
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.files.machine import containers as containers_of
from drtool.sources.files.machine.databases import read_databases
from drtool.sources.files.machine.existing import existing
from drtool.trees.filesystem import FileSystem
from tests.rig.sockets import leave_socket
from tests.rig.sshd import SshServer

ID = "a1" * 32


class Machine:
    """This machine, with a folder of programs that come before all others."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.files = FileSystem(LocalRunner())
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        for program in ("docker", "podman"):
            self.program(program, "exit 0")
        self.program("ps", "exit 0")
        self.socket = folder / "docker.sock"
        leave_socket(self.socket)
        monkeypatch.setattr(containers_of, "DOCKER", os.fspath(self.socket))

    def program(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def prints(self, name: str, text: str, *, listed: str = "") -> None:
        """Let a program print a text, whatever it is asked; with `listed` it prints that when it is asked for a list."""
        (self.folder / f"{name}.out").write_text(text, encoding="utf-8", errors="surrogateescape")
        (self.folder / f"{name}.list").write_text(listed)
        self.program(name, f'case " $*" in *" ps --all"*) exec cat {self.folder}/{name}.list;; esac\nexec cat {self.folder}/{name}.out')

    def mounted(self, *rows: tuple[str, str, str, str, str]) -> None:
        columns = ("target", "fstype", "source", "fsroot", "maj:min")
        self.prints("findmnt", json.dumps({"filesystems": [dict(zip(columns, row, strict=True)) for row in rows]}))

    def told(self) -> dict[str, Existing]:
        found = existing(self.files, source="here").existing
        assert len({each.name for each in found}) == len(found)
        return {each.name.removeprefix("here:"): each for each in found if each.kind != "database"}  # this machine may well have some


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "programs").mkdir()
    return Machine(tmp_path / "programs", monkeypatch)


def containers(*found: tuple[str, list[dict[str, Any]]]) -> str:
    return "".join(json.dumps([name, mounts]) + "\n" for name, mounts in found)


def bind(path: str, kind: str = "bind") -> dict[str, Any]:
    return {"Type": kind, "Source": path, "Destination": "/data"}


def mount_points() -> set[str]:
    """Return what the kernel says is mounted; others may mount and unmount all the while."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return {re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]) for line in lines}


def test_the_file_systems_of_this_very_machine(machine: Machine) -> None:
    """By its own findmnt: each is a place that is mounted, the root among them, and none is the kernel's."""
    before = mount_points()
    found = {name: each for name, each in machine.told().items() if each.kind == "file system"}
    after = mount_points()
    assert "/" in found
    assert found.keys() <= before | after
    assert not {"/proc", "/sys", "/dev"} & found.keys()
    assert all(each.paths == (name,) for name, each in found.items())


def test_what_is_mounted_and_holds_data_of_its_own(machine: Machine) -> None:
    machine.mounted(
        ("/", "ext4", "/dev/sda1", "/", "8:1"),
        ("/proc", "proc", "proc", "/", "0:21"),
        ("/run", "tmpfs", "tmpfs", "/", "0:25"),
        ("/snap/core", "squashfs", "/dev/loop0", "/", "7:0"),
        ("/srv", "xfs", "/dev/sdb1", "/", "8:17"),
        ("/export/photos", "xfs", "/dev/sdb1[/photos]", "/photos", "8:17"),
        ("/mirror", "xfs", "/dev/sdb1", "/", "8:17"),
        ("/home", "btrfs", "/dev/sdc[/@home]", "/@home", "0:40"),
        ("/var/lib/vm", "btrfs", "/dev/sdc[/@vm]", "/@vm", "0:40"),
        ("/mnt/a", "nfs4", "nas:/a", "/", "0:50"),
        ("/mnt/b", "nfs4", "nas:/b", "/", "0:50"),
        ("/var/lib/docker/overlay2/x/merged", "overlay", "overlay", "/", "0:60"),
        ("/etc/hosts", "ext4", "/dev/sdd[/hosts]", "/hosts", "8:49"),
        ("/what", "a-new-one", "/dev/sde", "/", "8:65"),
    )
    found = machine.told()
    assert list(found) == ["/", "/home", "/mnt/a", "/mnt/b", "/srv", "/var/lib/vm", "/what"]
    assert found["/srv"].note == "xfs of /dev/sdb1"


def test_the_root_and_each_subvolume_is_listed_whatever_holds_it_for_looks(machine: Machine) -> None:
    """By default openSUSE mounts a snapshot as the root, and `.snapshots` that holds it; the top level may be mounted beside its parts."""
    machine.mounted(
        ("/.snapshots", "btrfs", "/dev/sda2[/@/.snapshots]", "/@/.snapshots", "0:30"),
        ("/", "btrfs", "/dev/sda2[/@/.snapshots/1/snapshot]", "/@/.snapshots/1/snapshot", "0:30"),
        ("/var", "btrfs", "/dev/sda2[/@/var]", "/@/var", "0:30"),
        ("/mnt/var", "btrfs", "/dev/sda2[/@/var]", "/@/var", "0:30"),
        ("/mnt/pool", "btrfs", "/dev/sda2", "/", "0:30"),
    )
    assert [name for name in machine.told() if name != "/mnt/var"] == ["/", "/.snapshots", "/mnt/pool", "/var"]
    assert "/mnt/var" not in machine.told(), "it shows the same"
    machine.mounted(("/", "ext4", "/dev/sda1[/deploy/x]", "/deploy/x", "8:1"), ("/sysroot", "ext4", "/dev/sda1", "/", "8:1"))
    assert list(machine.told()) == ["/", "/sysroot"]


def test_a_password_in_what_is_mounted_is_not_repeated(machine: Machine) -> None:
    machine.mounted(
        ("/mnt/a", "fuse.curlftpfs", "curlftpfs#ftp://joe:hun/ter2@nas/", "/", "0:50"),
        ("/mnt/b", "fuse", "https://joe:hun@ter2@dav/x", "/", "0:51"),
        ("/mnt/c", "fuse.sshfs", "joe@pi:/srv", "/", "0:52"),
        ("/mnt/d", "nfs4", "nas:/a@b", "/", "0:53"),
    )
    notes = [each.note for each in machine.told().values()]
    assert notes == ["fuse.curlftpfs of nas/", "fuse of dav/x", "fuse.sshfs of joe@pi:/srv", "nfs4 of nas:/a@b"]


def test_every_place_where_something_is_mounted_is_told(machine: Machine) -> None:
    """Beside what is listed: with `one_file_system` nothing behind any of them is stored."""
    machine.mounted(
        ("/", "ext4", "/dev/sda1", "/", "8:1"), ("/srv/view", "ext4", "/dev/sda1[/x]", "/x", "8:1"), ("/run", "tmpfs", "t", "/", "0:2")
    )
    assert existing(machine.files, source="here").mounts == ("/", "/srv/view", "/run")
    machine.program("findmnt", "exit 1")
    assert existing(machine.files, source="here").mounts is None


def test_what_a_link_leads_to_must_be_covered_too(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "real/pg").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    machine.mounted()
    machine.prints("podman", containers(("/wiki", [bind(f"{tmp_path}/link/pg"), bind("/absent/x")])), listed=f"{ID}\n")
    assert machine.told()["podman:wiki"].paths == (f"{tmp_path}/link/pg", "/absent/x", f"{tmp_path}/real/pg")
    machine.program("realpath", "exit 1")
    assert "nobody knows where it lies" in machine.told()["podman:wiki"].problem


def test_a_linked_folder_at_rest_is_found(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/ibdata1").touch()
    (tmp_path / "mysql").symlink_to("real")
    (found,) = read_databases(machine.files, [str(tmp_path / "mysql")])
    assert found.paths == (str(tmp_path / "mysql"),)


def test_what_a_process_calls_itself_takes_no_line_away(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "15/main").mkdir(parents=True)
    (tmp_path / "15/main/PG_VERSION").touch()
    honest = ["- mysqld", f"- postgres -D {tmp_path}/16/main"]
    machine.prints("ps", "\n".join(honest) + "\n")
    before = {each.name for each in read_databases(machine.files, [str(tmp_path)])}
    hostile = ["- postgres -D /", f"- postgres -D {tmp_path} 100", "- mysqld --datadir=/nowhere", f"- mysqld --datadir={tmp_path}/15/main"]
    machine.prints("ps", "\n".join([*hostile, *honest, *hostile]) + "\n")
    after = {each.name: each.note for each in read_databases(machine.files, [str(tmp_path)])}
    assert before == {"database:MySQL or MariaDB", f"database:{tmp_path}/15/main", f"database:{tmp_path}/16/main"}
    assert before <= after.keys()
    assert after[f"database:{tmp_path}/15/main"].startswith("PostgreSQL")


def test_in_a_container_the_root_is_layered(machine: Machine) -> None:
    machine.mounted(("/", "overlay", "overlay", "/", "0:60"), ("/etc/hosts", "ext4", "/dev/sda1[/h]", "/h", "8:1"))
    assert list(machine.told()) == ["/"]


def test_containers_and_what_outlives_them(machine: Machine) -> None:
    machine.mounted()
    body = containers(
        ("/cloud", [bind("/srv/cloud"), bind("/var/lib/docker/volumes/db/_data", "volume"), bind("/var/run/docker.sock")]),
        ("proxy", [bind("/dev/dri"), {"Type": "tmpfs", "Source": "", "Destination": "/tmp"}]),
        ("bare", []),
        ("plugged", [bind("/srv/x"), bind("", "volume")]),
        ("photos", [bind("/run/dbus"), bind("/run/media/joe/disk/photos")]),
    )
    machine.prints("docker", body, listed=f"{ID}\n{ID[:12]}\n")
    machine.prints("podman", containers(("/wiki", [bind("/srv/wiki")])), listed=f"{ID}\n")
    found = machine.told()
    assert {name: each.paths for name, each in found.items()} == {
        "docker:cloud": ("/srv/cloud", "/var/lib/docker/volumes/db/_data"),
        "docker:proxy": (),
        "docker:bare": (),
        "docker:plugged": (),
        "docker:photos": ("/run/media/joe/disk/photos",),
        "podman:wiki": ("/srv/wiki",),
    }
    assert "goes with it" in found["docker:bare"].note
    assert found["docker:plugged"].note == "one of its volumes lies in no folder here"


def test_no_more_is_asked_of_a_container_than_is_told(machine: Machine, tmp_path: Path) -> None:
    machine.mounted()
    machine.program("docker", f'echo "$@" >>{tmp_path}/asked; [ "$3" = ps ] && echo {ID}; exit 0')
    machine.program("podman", f'echo "$@" >>{tmp_path}/asked; [ "$2" = ps ] && echo {ID}; exit 0')
    machine.told()
    template = "--format [{{json .Name}},{{json .Mounts}}]"
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"--host unix://{machine.socket} ps --all --quiet --no-trunc",
        f"--host unix://{machine.socket} inspect --type container {template} {ID}",
        "--remote=false ps --all --quiet --no-trunc",
        f"--remote=false inspect --type container {template} {ID}",
    ]


def test_where_no_docker_listens_nothing_is_asked_of_one_that_leads_elsewhere(machine: Machine) -> None:
    machine.mounted()
    machine.prints("docker", containers(("/of-another-machine", [bind("/srv/cloud")])), listed=f"{ID}\n")
    assert list(machine.told()) == ["docker:of-another-machine"]
    machine.socket.unlink()
    assert not machine.told()


def test_a_container_that_goes_between_two_questions_hides_no_other(machine: Machine, tmp_path: Path) -> None:
    machine.mounted()
    machine.prints("docker", containers(("/cloud", [bind("/srv/cl\x85oud")])).replace("\\u0085", "\x85"), listed=f"{ID}\n")
    answer = (tmp_path / "programs" / "docker").read_text().removeprefix("#!/bin/sh\n")
    once = f'[ "$3" = inspect ] && mkdir {tmp_path}/asked 2>/dev/null && echo "No such container" >&2 && exit 1'
    machine.program("docker", f"{once}\n{answer}")
    assert machine.told()["docker:cloud"].paths == ("/srv/cl\x85oud",)


@pytest.mark.parametrize(
    ("program", "script", "what", "words"),
    [
        ("docker", "echo permission denied >&2; exit 1", "docker", "permission denied"),
        ("docker", "echo rm; echo -rf", "docker", "cannot be read"),
        ("docker", f'[ "$3" = ps ] && echo {ID} || echo "{{"', "docker", "cannot be read"),
        ("podman", f'[ "$2" = ps ] && echo {ID} || exit 125', "podman", "exit code 125"),
        ("ps", "exit 1", "databases", "ps failed"),
        ("findmnt", "echo '[]'", "file systems", "cannot be read"),
        ("findmnt", "yes x | head -c 9000000", "file systems", "more than"),
    ],
)
def test_what_cannot_be_asked_is_never_nothing(machine: Machine, program: str, script: str, what: str, words: str) -> None:
    machine.mounted()
    machine.program(program, script)
    told = machine.told()[what]
    assert "nobody knows what is there" in told.problem
    assert words in told.problem


def test_what_other_processes_were_told_is_not_repeated(machine: Machine) -> None:
    """The words that a process was started with may hold a password; a list that breaks off is no reason to show them."""
    machine.mounted()
    machine.program("ps", "echo '- mysqld --password=hunter2'; exit 1")
    assert machine.told()["databases"].problem == "nobody knows what is there: ps failed: exit code 1"


def test_a_machine_without_the_program_has_no_containers(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.mounted()
    for program in ("sh", "cat", "find"):
        (tmp_path / "programs" / program).symlink_to(subprocess.check_output(["which", program], text=True).strip())
    for program in ("docker", "podman", "ps"):
        (tmp_path / "programs" / program).unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    assert set(machine.told()) == {"databases"}, "without ps nobody knows of these; without docker there are none"


def test_servers_that_run_and_folders_that_lie_there(machine: Machine, tmp_path: Path) -> None:
    for name in ("15/main/PG_VERSION", "15/main/base/1/PG_VERSION", "my/ibdata1", "nothing/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    processes = [
        f"0::/system.slice /usr/lib/postgresql/15/bin/postgres -D {tmp_path}/15/main -c config_file=/etc/x",
        "0::/system.slice postgres: 15/main: checkpointer -D /srv/no-server",
        f"- /usr/sbin/mysqld --datadir={tmp_path}/other --port=1",
        f"0::/system.slice/docker-{ID}.scope postgres -D /var/lib/postgresql/data",
        "0::/user.slice grep postgres -D /nowhere",
        "-  ",
    ]
    machine.prints("ps", "\n".join(processes) + "\n", listed="")
    found = {each.name: each.note for each in read_databases(machine.files, [str(tmp_path), str(tmp_path / "absent")])}
    assert found == {
        f"database:{tmp_path}/15/main": "PostgreSQL, running",
        f"database:{tmp_path}/my": "MySQL or MariaDB, at rest",
        f"database:{tmp_path}/other": "MySQL or MariaDB, running",
    }


def test_a_server_that_does_not_tell_its_folder_is_told(machine: Machine, tmp_path: Path) -> None:
    machine.prints("ps", "- /usr/sbin/mariadbd\n")
    (found,) = read_databases(machine.files, [str(tmp_path)])
    assert (found.name, found.paths) == ("database:MySQL or MariaDB", ())
    (tmp_path / "ibdata1").touch()
    (found,) = read_databases(machine.files, [str(tmp_path)])
    assert found.paths == (str(tmp_path),), "the folder that is there is its own"


def test_a_folder_that_cannot_be_looked_into_is_told(machine: Machine, tmp_path: Path) -> None:
    machine.mounted()
    machine.program("find", "echo \"find: '/var/lib/mysql': Permission denied\" >&2; exit 1")
    assert "Permission denied" in machine.told()["databases"].problem


def test_names_come_as_they_are(machine: Machine) -> None:
    odd = os.fsdecode(b"/srv/\xff\x1b[2J\n")
    (machine.folder / "findmnt.out").write_bytes(
        b'{"filesystems": [{"target": "/srv/\xff\\u001b[2J\\u000a", "fstype": "ext4", "source": "x", "fsroot": "/", "maj:min": "1:1"}]}'
    )
    machine.program("findmnt", f"exec cat {machine.folder}/findmnt.out")
    assert odd in machine.told()


def test_another_machine_is_asked_over_ssh(ssh_server: SshServer) -> None:
    files = FileSystem(SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config)))
    assert "pi:/" in {each.name for each in existing(files, source="pi").existing}


def test_a_machine_that_does_not_answer_has_no_ledger(ssh_server: SshServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host nobody\n  HostName 127.0.0.1\n  Port 1\n  BatchMode yes\n")
    files = FileSystem(SshRunner(name="pi", host="nobody", ssh_config=str(config)))
    with pytest.raises(Unavailable):
        existing(files, source="pi")
