"""What `doctor` asks about the day on which this machine is gone: what a restore depends on that would be gone with it."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterable
from functools import partial

from drtool.app.doctor.asking import Known, Part
from drtool.app.doctor.ways import addresses_of, files_of, is_address, is_ours, named_in_hosts, own_resolver, ssh_way, tunnel_to
from drtool.model.location import Location
from drtool.planning.words import spell_some
from drtool.ports import Finding

_NAMED = 4
_MOST_COMPARED = 1 << 20


def ways(known: Known) -> Iterable[Part]:
    """Ask of each repository elsewhere whether a new machine would find it: by name, by route, and not at this machine itself."""
    for name in known.repositories:
        found = known.location(name)
        if found is not None and found.scheme in ("sftp", "s3", "rest"):
            yield Part(f"{name}: way", partial(_way, known, name, found))


def escrow(known: Known) -> Iterable[Part]:
    """Ask of each repository elsewhere whether what opens the way, besides its key, lies beside an escrowed key too."""
    for name in known.repositories:
        found = known.location(name)
        if found is not None and found.scheme != "path":
            yield Part(f"{name}: escrow", partial(_escrow, known, name, found))


def travelling(known: Known) -> Iterable[Part]:
    """Ask whether the policy lies in a repository too: it travels in every point, and only there."""
    for name in known.sets:
        yield Part("policy", partial(_travels, known, name))


def _way(known: Known, name: str, found: Location) -> list[Finding]:
    subject, host = f"{name}: way", found.host
    if found.scheme == "sftp":
        host = ssh_way(known.adapters.local, found, known.policy.repositories[name].address.ssh_config).host
    findings = []
    listed = "" if is_address(host) else named_in_hosts(host)
    if listed:
        text = f"{host} has its address {listed} from /etc/hosts of this machine: a new one would not find it"
        findings.append(
            Finding(
                subject,
                good=None,
                text=text,
                remedy=f"write {listed} for {host} in the address of {name}, or give it a name that others know",
            )
        )
    elif not is_address(host) and (resolver := own_resolver()):
        text = f"names are looked up on this machine alone ({resolver}): a new one may not find {host}, unless somebody else knows it too"
        remedy = f"write the address of {host} in that of {name}, or a second `nameserver` in /etc/resolv.conf that knows it"
        findings.append(Finding(subject, good=None, text=text, remedy=remedy))
    addresses = addresses_of(host)
    own = next((each for each in addresses if is_ours(each)), "")
    if own:
        text = f"{host} ({own}) is this machine itself: a server of its own goes with it; a tunnel has to be made anew"
        remedy = f"move {name} to another machine, or write in its address how others reach it"
        findings.append(Finding(subject, good=None, text=text, remedy=remedy))
    tunnel = tunnel_to(known.adapters.local, addresses[0]) if addresses and not own else None
    if tunnel is not None:
        words = "the VPN's interface" if tunnel.known else "what is by its name a VPN's interface,"
        text = f"{host} is reached through {words} {tunnel.name}: its key may be on this machine alone"
        remedy = (
            f"give a peer of its own to the machine that would take the place of this one, or let {name} be reached without {tunnel.name}"
        )
        findings.append(Finding(subject, good=None, text=text, remedy=remedy))
    return findings or [Finding(subject, good=True, text=f"{host} is found by what others know, as far as it can be seen")]


def _escrow(known: Known, name: str, found: Location) -> list[Finding]:
    subject, address = f"{name}: escrow", known.policy.repositories[name].address
    files = [*files_of(known, name)]
    if found.scheme == "sftp":
        files += ssh_way(known.adapters.local, found, address.ssh_config).files
    needed = tuple(path for path in dict.fromkeys(files) if os.path.isfile(path))
    if not needed:
        return []
    listed = spell_some([shlex.quote(path) for path in needed], _NAMED, between=" ")
    media = [
        os.path.expanduser(drill.key.value)
        for drill in known.policy.drills.values()
        if drill.repository == name and drill.key is not None and drill.key.scheme == "file"
    ]
    if not media:
        text = f"{listed} open the way to {name}, and no medium is known that has them too"
        remedy = f"drtool key add {name} --file FILE, on a medium; name it in a drill: key: file:FILE; and copy them beside it"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    there = [path for path in media if os.path.exists(path)]
    if not there:
        return [
            Finding(
                subject, good=True, text=f"{listed} open the way to {name}; whether {media[0]} has them beside it is asked when it is here"
            )
        ]
    folder = os.path.dirname(there[0])
    missing = [path for path in needed if not _is_same(path, os.path.join(folder, os.path.basename(path)))]
    if missing:
        text = f"{spell_some(missing, _NAMED)} open the way to {name}: beside the escrowed key {there[0]} lies no copy, or an old one"
        remedy = f"cp -p {' '.join(map(shlex.quote, missing))} {shlex.quote(folder)}"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    return [Finding(subject, good=True, text=f"what opens the way to {name} lies beside its escrowed key in {folder} too")]


def _is_same(one: str, other: str) -> bool:
    with contextlib.suppress(OSError), open(one, "rb") as first, open(other, "rb") as second:
        return first.read(_MOST_COMPARED) == second.read(_MOST_COMPARED)
    return False


def _travels(known: Known, name: str) -> list[Finding]:
    kept_in = known.policy.repositories_of(known.policy.sets[name])
    listings = [known.listings[each] for each in kept_in if each in known.listings]
    if any(each.problem is not None for each in listings):  # told where the repository is examined
        return []
    holders = [each.repository for each in listings if any(point.set == name and point.counts for point in each.points)]
    if not holders:
        text = f"what it says of {name} lies in no repository: it travels in points, and there is none"
        return [Finding("policy", good=None, text=text, remedy=f"drtool run {name}")]
    return [Finding("policy", good=True, text=f"what it says of {name} lies in {', '.join(holders)} too")]
