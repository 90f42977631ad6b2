"""Units of systemd as text; every key here is in systemd.exec(5), systemd.service(5) or systemd.timer(5) of release 247 or later."""

from __future__ import annotations

import re
from typing import Final

from drtool.model.bounds import is_one_line
from drtool.model.errors import Refused
from drtool.model.secret import is_credential_name
from drtool.model.timer import TimerFile, WantedTimers

MARK: Final = "# Written by `drtool schedule`: it is replaced by the next one, and removed by `drtool schedule remove`."
_WORDS: Final = {"run": "Back up, prune and read what is due", "drill": "Drill what is due"}
_STOP_SECONDS: Final = 15 * 60
"""A stopped run releases what it made, starts again what it stopped, and leaves the repository unlocked."""
_HARDENING: Final = (
    "NoNewPrivileges=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=no",  # a restore puts such files back
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
)
_TEMPORARY: Final = ("/tmp", "/var/tmp")  # noqa: S108 - nothing is written there by these names
_OF_ROOT: Final = (
    "CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_MKNOD CAP_KILL",
)
"""What reading everybody's files and putting them into a sandbox needs."""


def unit_name(policy: str, call: str, kind: str) -> str:
    """Return the name of a unit; a policy's name has no character that systemd would escape but the dash, which may stay in a name."""
    return f"drtool-{policy}-{call}.{kind}"


def unit_names(policy: str) -> tuple[str, ...]:
    """Return the names of all units that a policy may have: a name that only begins like these is of another policy."""
    calls = (unit_name(policy, call, kind) for call in _WORDS for kind in ("service", "timer"))
    return (*calls, unit_name(policy, "failed@", "service"))


def units(wanted: WantedTimers) -> tuple[TimerFile, ...]:
    """Return a service and a timer for each call, and what tells somebody when a service fails before it could tell itself."""
    files = []
    for call in wanted.calls:
        files.append(TimerFile(unit_name(wanted.policy, call, "service"), _service(wanted, call)))
        files.append(TimerFile(unit_name(wanted.policy, call, "timer"), _timer(wanted, call)))
    files.append(TimerFile(unit_name(wanted.policy, "failed@", "service"), _failed(wanted)))
    return tuple(files)


def _service(wanted: WantedTimers, call: str) -> str:
    network = () if wanted.of_a_user else ("Wants=network-online.target", "After=network-online.target")
    lines = [
        MARK,
        "[Unit]",
        f"Description=drtool {wanted.policy}: {_WORDS[call]}",
        *network,
        f"OnFailure={unit_name(wanted.policy, 'failed@%N', 'service')}",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={_command(wanted, call, '--due')}",
        "SuccessExitStatus=75",
        f"TimeoutStopSec={_STOP_SECONDS}",
        "KillMode=mixed",
        "Nice=10",
        "IOSchedulingClass=best-effort",
        "IOSchedulingPriority=7",
        "UMask=0077",
        f"Environment={_quoted(f'DRTOOL_STATE_DIR={wanted.state_directory}')}",
        *_environment(wanted),
        *_credentials(wanted),
        *_limits(wanted),
    ]
    return "\n".join(lines) + "\n"


def _environment(wanted: WantedTimers) -> list[str]:
    """Name the file for what the policy takes from the environment; a user's manager has one of its own (environment.d)."""
    return [] if wanted.of_a_user else ["EnvironmentFile=-/etc/drtool/environment"]


def _credentials(wanted: WantedTimers) -> list[str]:
    lines = []
    for each in wanted.credentials:
        if not is_credential_name(each.name):
            raise Refused(
                f"{each.name!r} is no name of a credential",
                hint="in the policy, write credential: and a name of letters, digits and . _ - @ +",
                safe="nothing was changed",
            )
        lines.append(f"LoadCredential{'Encrypted' if each.encrypted else ''}={each.name}:{_escaped(each.path)}")
    return lines


def _limits(wanted: WantedTimers) -> list[str]:
    if wanted.writable is None:
        return ["# No limits: commands of the policy, or a platform that is mounted here, need more than they would leave."]
    if wanted.of_a_user:
        return ["NoNewPrivileges=yes"]
    # A backup sees the /tmp that everybody sees, and restic needs one to write to.
    paths = [f"ReadWritePaths={_quoted('-' + path)}" for path in (*_TEMPORARY, *wanted.writable)]
    return ["ProtectSystem=strict", "CacheDirectory=drtool", "Environment=XDG_CACHE_HOME=/var/cache/drtool", *paths, *_HARDENING, *_OF_ROOT]


def _timer(wanted: WantedTimers, call: str) -> str:
    minutes = ",".join(f"{minute:02}" for minute in wanted.minutes)
    lines = [
        MARK,
        "[Unit]",
        f"Description=drtool {wanted.policy}: ask every {wanted.every_seconds // 60} minutes what is due",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* *:{minutes}:{wanted.seconds:02}",
        "AccuracySec=1s",
        f"Unit={unit_name(wanted.policy, call, 'service')}",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"


def _failed(wanted: WantedTimers) -> str:
    lines = [
        MARK,
        "[Unit]",
        f"Description=drtool {wanted.policy}: tell that %i failed",
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={_command(wanted, 'schedule', 'failed', '%i')}",
        "UMask=0077",
        f"Environment={_quoted(f'DRTOOL_STATE_DIR={wanted.state_directory}')}",
        *_environment(wanted),
        *_credentials(wanted),
    ]
    return "\n".join(lines) + "\n"


def _command(wanted: WantedTimers, *words: str) -> str:
    """Return a command: in its arguments, and nowhere else, `$` begins a variable."""
    policies = [word for path in wanted.policy_paths for word in ("--policy", _quoted(path).replace("$", "$$"))]
    return " ".join((_quoted(wanted.program), *policies, *words))


def one_line(text: str) -> str:
    """Return what stays one line of a file for systemd or cron; Refused for what would begin another, or is no text."""
    if not is_one_line(text):
        raise Refused(f"{text!r} holds a character that a unit or a line of cron cannot hold", hint="rename it", safe="nothing was changed")
    return text


def _escaped(text: str) -> str:
    return one_line(text).replace("%", "%%")


def _quoted(text: str) -> str:
    """Return a word as systemd reads it back: `%` begins a specifier, a quote ends."""
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped if re.fullmatch(r"[\w@:,./+=-]+", text) else f'"{escaped}"'
