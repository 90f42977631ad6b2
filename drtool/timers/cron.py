"""Lines for cron, where there is no systemd."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from typing import Final

from drtool.model.errors import Refused
from drtool.model.timer import TimerFile, WantedTimers
from drtool.timers.systemd import MARK, one_line

_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DAEMONS: Final = frozenset({"cron", "crond", "bcron-sched"})
_GENERATOR: Final = "usr/lib/systemd/system-generators/systemd-crontab-generator"
"""Of systemd-cron: it makes timers of the lines, and nothing of its own runs."""


def is_read(root: str = "/") -> bool:
    """Tell whether something on the machine below `root` reads files of cron; where processes are hidden from the caller, take it so."""
    names = set(_running(os.path.join(root, "proc")))
    is_hidden = not os.access(os.path.join(root, "proc/1/comm"), os.R_OK)
    return is_hidden or bool(names & _DAEMONS) or os.path.exists(os.path.join(root, _GENERATOR))


def _running(processes: str) -> Iterator[str]:
    """Name what runs, as far as it may be looked at."""
    for number in filter(str.isdigit, os.listdir(processes) if os.path.isdir(processes) else ()):
        with contextlib.suppress(OSError), open(os.path.join(processes, number, "comm"), encoding="utf-8", errors="replace") as stream:
            yield stream.read().strip()


def crontab_name(policy: str) -> str:
    """Return the name of a policy's file, another one for each: cron passes over a name with a dot, so that is spelled.

    No policy's name begins with the underscore that tells the spelled ones apart.
    """
    if "." not in policy:
        return f"drtool-{policy}"
    return f"drtool-_{policy.replace('_', '_u').replace('.', '_d')}"


def crontab_names(policy: str) -> tuple[str, ...]:
    """Return the names that a policy's file may have: that of now first, then one that cron passed over."""
    return tuple(dict.fromkeys((crontab_name(policy), f"drtool-{policy}")))


def crontab(wanted: WantedTimers) -> TimerFile:
    """Return a file for /etc/cron.d: one line a call; cron knows no seconds, so the rest of the offset is slept.

    Raises Refused for a policy with credentials: cron hands none over, and every call would be refused.
    """
    if wanted.credentials:
        names = ", ".join(f"credential:{each.name}" for each in wanted.credentials)
        raise Refused(
            f"the policy refers to {names}, which systemd hands to a service and cron to nobody",
            hint=f"leave out --cron, or write file:{wanted.credentials[0].path} in the policy, a file that root alone reads",
            safe="nothing was changed",
        )
    when = ",".join(map(str, wanted.minutes))
    lines = [MARK, "SHELL=/bin/sh", _PATH, f"DRTOOL_STATE_DIR={one_line(wanted.state_directory)}"]
    for call in wanted.calls:
        policies = [word for path in wanted.policy_paths for word in ("--policy", path)]
        words = shlex.join((wanted.program, *policies, call, "--due", "--quiet"))
        command = one_line(words).replace("%", "\\%")  # cron ends a line there
        lines.append(f"{when} * * * * root sleep {wanted.seconds}; {command}")
    return TimerFile(crontab_name(wanted.policy), "\n".join(lines) + "\n")
