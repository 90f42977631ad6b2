from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from drtool.cli import exits, screen
from drtool.cli.options import VerbGroup
from drtool.cli.session import open_session
from drtool.cli.types import Bytes

if TYPE_CHECKING:
    from drtool.lab.proxmox.run import Started as StartedCluster
    from drtool.lab.truenas.run import Started


@click.group("lab", cls=VerbGroup)
def command() -> None:
    """Start simulated platforms: the vendor's protocol, real bytes, no vendor's machine."""


@command.command("truenas")
@click.option(
    "--directory", default="truenas-lab", show_default=True, metavar="DIRECTORY", help="Where it is kept; started again, it goes on."
)
@click.option("--release", type=click.Choice(["25.04", "25.10", "26"]), default="25.10", show_default=True, help="Which TrueNAS it is.")
@click.option("--port", default=0, metavar="PORT", help="Where it listens on loopback.  [any free one]")
@click.option("--plain-port", type=int, metavar="PORT", help="Listen there without TLS too; a key shown there is revoked.")
@click.option("--pool", default="tank", show_default=True, metavar="NAME", help="The name of its pool.")
@click.option("--zfs", is_flag=True, help="Real ZFS in user space instead of plain directories; needs root.")
@click.option("--zfs-programs", default="", metavar="DIRECTORY", help="Where zfs, zpool and zfs-fuse are.  [PATH]")
@click.option("--size", type=Bytes(), default="8GiB", show_default=True, metavar="SIZE", help="How large its disk is, with --zfs.")
@click.option("--volume", type=Bytes(), metavar="SIZE", help="Give a fresh one a volume of this size too.  [none]")
@click.option("--hasty", is_flag=True, help="Wait only a tenth of what the vendor waits: for tests.")
@click.pass_context
def truenas(  # noqa: PLR0917 - click hands over each option
    context: click.Context,
    directory: str,
    release: str,
    port: int,
    plain_port: int | None,
    pool: str,
    zfs: bool,  # noqa: FBT001 - click's shape
    zfs_programs: str,
    size: int,
    volume: int | None,
    hasty: bool,  # noqa: FBT001
) -> int:
    """Start a simulated TrueNAS and print a policy that works against it; Ctrl-C ends it, its directory stays.

    Faults: write DIRECTORY/faults.json while it runs. What was called stands in DIRECTORY/calls.jsonl.
    """
    from drtool.engine.clock import SystemClock  # noqa: PLC0415
    from drtool.engine.signals import listening  # noqa: PLC0415
    from drtool.lab.truenas.run import Settings, serve  # noqa: PLC0415
    from drtool.process import Interrupt, start_apart  # noqa: PLC0415
    from drtool.runners.local import LocalRunner  # noqa: PLC0415

    session = open_session(context)
    settings = Settings(
        os.path.abspath(directory),
        release=release,
        port=port,
        plain_port=plain_port,
        pool=pool,
        zfs=zfs,
        programs=os.path.abspath(zfs_programs) if zfs_programs else "",
        bytes=size,
        volume=volume or 0,
        hasty=hasty,
    )

    def tell(started: Started) -> None:
        policy = started.policy()
        path = os.path.join(started.directory, "policy.yaml")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(policy)
        session.answer("lab", started, policy.splitlines)
        screen.words(_words(started, path))

    interrupt = Interrupt()
    with listening(interrupt):
        serve(
            settings,
            runner=LocalRunner(),
            clock=SystemClock(),
            start_apart=lambda argv, ready, seconds: start_apart(argv, ready=ready, seconds=seconds),
            on_start=tell,
            until=lambda: interrupt.stops(shielded=False),
        )
    return exits.SUCCEEDED


def _words(started: Started, path: str) -> list[str]:
    from drtool.cli.render.words import printable  # noqa: PLC0415

    return [
        "",
        f"A simulated TrueNAS answers at {started.url} until Ctrl-C. Its policy is also in {printable(path)}; in another terminal:",
        f"  export DRTOOL_POLICY={printable(path)} PATH={printable(started.programs)}:$PATH",
        "  drtool init && drtool run",
    ]


@command.command("proxmox")
@click.option(
    "--directory", default="proxmox-lab", show_default=True, metavar="DIRECTORY", help="Where it is kept; started again, it goes on."
)
@click.option("--release", type=click.Choice(["8.4", "9.2"]), default="9.2", show_default=True, help="Which Proxmox VE it is.")
@click.option("--port", multiple=True, type=int, metavar="PORT", help="Where pve1 listens on loopback; given again, pve2.  [any free ones]")
@click.option("--offline", multiple=True, type=click.Choice(["pve1", "pve2"]), help="A node that is down; may be given again.")
@click.option("--hasty", is_flag=True, help="Refuse at once whoever is not let in, where the vendor waits three seconds: for tests.")
@click.pass_context
def proxmox(
    context: click.Context,
    directory: str,
    release: str,
    port: tuple[int, ...],
    offline: tuple[str, ...],
    hasty: bool,  # noqa: FBT001 - click's shape
) -> int:
    """Start a simulated Proxmox VE cluster and print a policy that looks at it; Ctrl-C ends it, its directory stays.

    Faults: write DIRECTORY/faults.json while it runs. What was called stands in DIRECTORY/calls.jsonl.
    """
    from drtool.engine.clock import SystemClock  # noqa: PLC0415
    from drtool.engine.signals import listening  # noqa: PLC0415
    from drtool.lab.proxmox.run import Settings, serve  # noqa: PLC0415
    from drtool.process import Interrupt  # noqa: PLC0415

    session = open_session(context)
    settings = Settings(os.path.abspath(directory), release=release, ports=port, offline=offline, hasty=hasty)

    def tell(started: StartedCluster) -> None:
        policy = started.policy()
        path = os.path.join(started.directory, "policy.yaml")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(policy)
        session.answer("lab", started, policy.splitlines)
        screen.words(_words_of_cluster(started, path))

    interrupt = Interrupt()
    with listening(interrupt):
        serve(settings, clock=SystemClock(), on_start=tell, until=lambda: interrupt.stops(shielded=False))
    return exits.SUCCEEDED


def _words_of_cluster(started: StartedCluster, path: str) -> list[str]:
    from drtool.cli.render.words import printable  # noqa: PLC0415

    places = " and ".join(f"{started.urls[node]} ({node})" for node in started.urls)
    return [
        "",
        f"A simulated Proxmox VE {started.release} answers at {places} until Ctrl-C.",
        f"Its policy is also in {printable(path)}; in another terminal:",
        f"  export DRTOOL_POLICY={printable(path)}",
        "  drtool init && drtool inventory && drtool run && drtool drill cluster",
    ]
