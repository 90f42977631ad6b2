"""What of this machine leads to a repository that is elsewhere: names, routes, and files that open the way."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drtool.app.doctor.asking import Known
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.location import Location
from drtool.model.secret import SecretReference
from drtool.ports import Runner

HOSTS: Final = "/etc/hosts"
RESOLVERS: Final = "/etc/resolv.conf"
_OWN_STUBS: Final = frozenset({"127.0.0.53", "127.0.0.54"})
"""Where systemd-resolved listens: it asks others."""
_LOOK_SECONDS: Final = 20.0
_TUNNELS: Final = ("wg", "tun", "tap", "tailscale", "zt", "nebula")


@dataclass(frozen=True, slots=True)
class Tunnel:
    """An interface of a VPN by which something is reached; `known`: the system says so, and not its name alone."""

    name: str
    known: bool


def addresses_of(host: str) -> tuple[str, ...]:
    """Return the addresses of a name, or the address itself; none where nobody knows it."""
    try:
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)))
    except (OSError, UnicodeError):
        return ()


def is_address(host: str) -> bool:
    """Tell whether a host is an address, so that no name is looked up."""
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host.partition("%")[0]))
    return False


def is_ours(address: str) -> bool:
    """Tell whether an address is one of this machine's own: nothing else can be bound to."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True


def named_in_hosts(host: str, path: str | None = None) -> str:
    """Return the address that the hosts file of this machine gives a name; empty: it does not."""
    for line in _lines(path or HOSTS):
        address, *names = line.partition("#")[0].split() or [""]
        if host.lower() in (name.lower() for name in names):
            return address
    return ""


def own_resolver(path: str | None = None) -> str:
    """Return the address at which this machine asks itself for names, where it asks nobody else; empty: it does not."""
    found = [words[1] for words in (line.split() for line in _lines(path or RESOLVERS)) if words[:1] == ["nameserver"] and words[1:]]
    own = [each for each in found if each not in _OWN_STUBS and is_address(each) and is_ours(each)]
    return own[0] if own and len(own) == len(found) else ""


def tunnel_to(runner: Runner, address: str, *, root: str = "/") -> Tunnel | None:
    """Return the VPN's interface by which an address is reached; None: by none, or that cannot be told."""
    try:
        answer = runner.run(Command(("ip", "-o", "route", "get", address), timeout_seconds=_LOOK_SECONDS))
    except Interrupted:
        raise
    except DrtoolError:
        return None
    words = answer.standard_output.decode("utf-8", "replace").split()
    device = words[words.index("dev") + 1] if "dev" in words[:-1] else ""
    if answer.exit_code or not device or "/" in device:
        return None
    folder = os.path.join(root, "sys/class/net", device)
    is_tunnel = os.path.exists(os.path.join(folder, "tun_flags")) or "DEVTYPE=wireguard" in _lines(os.path.join(folder, "uevent"))
    return Tunnel(device, known=is_tunnel) if is_tunnel or device.startswith(_TUNNELS) else None


@dataclass(frozen=True, slots=True)
class SshWay:
    """How ssh gets to a machine: its host as it is really called, and the files of this machine by which."""

    host: str
    files: tuple[str, ...]


def ssh_way(runner: Runner, found: Location, config: str) -> SshWay:
    """Ask ssh how it gets to the machine of a repository, without going there."""
    options = (*(("-F", config) if config else ()), *(("-p", found.port) if found.port else ()))
    answer = runner.run(Command(("ssh", *options, "-G", "--", found.ssh_destination), timeout_seconds=_LOOK_SECONDS))
    host, files = found.host, [config] if config else []
    for line in answer.standard_output.decode("utf-8", "replace").splitlines():
        key, _space, value = line.partition(" ")
        if key == "hostname":
            host = value
        elif key in ("identityfile", "userknownhostsfile"):
            files += [os.path.expanduser(path) for path in _split(value)]
    if not config and host != found.host:
        files.append(os.path.expanduser("~/.ssh/config"))
    return SshWay(host, tuple(path for path in dict.fromkeys(files) if os.path.isfile(path)))


def files_of(known: Known, repository: str) -> Iterator[str]:
    """Return the files of this machine, besides its key, that open a repository: secrets of its store, and rclone's configuration."""
    address = known.policy.repositories[repository].address
    for value in address.environment.values():
        if isinstance(value, SecretReference) and value.scheme == "file":
            yield os.path.expanduser(value.value)
    if address.location.startswith("rclone:"):
        told = address.environment.get("RCLONE_CONFIG")
        yield told if isinstance(told, str) else os.path.expanduser("~/.config/rclone/rclone.conf")


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return [value]


def _lines(path: str) -> list[str]:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read(1 << 20).splitlines()
    return []
