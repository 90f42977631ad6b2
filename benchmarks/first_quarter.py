"""A newcomer's first quarter of an hour: what the README says to type, in a terminal of 80 columns, and every screen as it is then.

    python -m benchmarks.first_quarter

Everything is typed into a shell that sees copies of /etc, /home, /srv and /var/lib of its own, so it needs root, `unshare` and tmux; the
machine itself is left as it is. What borgmatic's documentation has a newcomer type for the same stands beside it, counted, not run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drtool.cli.render.table import table
from drtool.cli.render.words import counted
from tests.rig import restic
from tests.rig.missing import tool
from tests.rig.terminal import Terminal

WIDTH: Final = 80
HEIGHT: Final = 24
PROMPT: Final = "newcomer# "
OWN: Final = ("/etc", "/home", "/srv", "/var/lib", "/mnt")
"""What the shell sees copies of."""
_SHELL: Final = """\
set -e
mount -t tmpfs none "$0"
for place in etc home srv var/lib mnt; do
    mkdir -p "$0/$place/upper" "$0/$place/work"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=$0/$place/upper,workdir=$0/$place/work" "/$place"
done
mkdir -p /home/ada/letters /mnt/usb
rm -rf /etc/drtool /etc/cron.d/drtool /var/lib/drtool
i=0
while [ $i -lt 200 ]; do head -c 20000 /dev/urandom >/home/ada/letters/letter-$i; i=$((i + 1)); done
mount -t tmpfs none /mnt/usb
cd /root
exec bash --norc --noprofile
"""


@dataclass(frozen=True, slots=True)
class Typed:
    """What is typed at one place: a command of the shell, or the answer to a question."""

    text: str
    asked: str = ""
    """What the screen says when it is an answer; empty: the prompt of the shell."""


@dataclass(frozen=True, slots=True)
class Step:
    """One errand of a newcomer, and what is typed for it."""

    errand: str
    typed: tuple[Typed, ...]


STEPS: Final = (
    Step(
        "a policy",
        (
            Typed("drtool new --output /etc/drtool/policy.yaml"),
            Typed("", "called?"),
            Typed("1", "to be protected?"),
            Typed("/home", "Which folders?"),
            Typed("/etc/ssh", "(an empty line ends them)"),
            Typed("", "(an empty line ends them)"),
            Typed("/srv/backup/drtool", "near copy lie?"),
            Typed("", "its key?"),
            Typed("/mnt/usb/drtool", "off-site copy lie"),
            Typed("", "its key?"),
            Typed("", "(RPO)?"),
            Typed("", "(RTO)?"),
            Typed("", "points are kept"),
            Typed("", "drill restore to"),
        ),
    ),
    Step("the repositories", (Typed("drtool init"),)),
    Step("the first backup", (Typed("drtool run"),)),
    Step("from then on by itself", (Typed("drtool schedule install --cron --yes"),)),
    Step("one file back", (Typed("drtool restore documents --path /home/ada/letters/letter-7 --to directory /home/ada/back --yes"),)),
    Step("the proof", (Typed("drtool drill monthly"), Typed("drtool status"))),
)

BORGMATIC: Final = (
    (
        "a policy",
        (
            "borgmatic config generate",
            "nano /etc/borgmatic/config.yaml",
            "/home",
            "/etc/ssh",
            "/srv/backup/borg",
            "/mnt/usb/borg",
            "encryption_passphrase: a-long-passphrase-of-32-characters",
            "keep_daily: 14",
            "keep_weekly: 8",
            "keep_monthly: 12",
            "borgmatic config validate",
        ),
    ),
    ("the repositories", ("borgmatic init --encryption repokey",)),
    ("the first backup", ("borgmatic create --verbosity 1 --list --stats",)),
    (
        "from then on by itself",
        (
            "wget https://projects.torsion.org/borgmatic-collective/borgmatic/raw/branch/main/sample/systemd/borgmatic.service",
            "wget https://projects.torsion.org/borgmatic-collective/borgmatic/raw/branch/main/sample/systemd/borgmatic.timer",
            "mv borgmatic.service borgmatic.timer /etc/systemd/system/",
            "systemctl enable --now borgmatic.timer",
        ),
    ),
    (
        "one file back",
        ("borgmatic extract --repository /srv/backup/borg --archive latest --path home/ada/letters/letter-7 --destination /home/ada/back",),
    ),
)
"""The lines of borgmatic's pages "How to set up backups" and "How to extract a backup", without their `sudo`, for the same two folders
and two repositories, as read in November 2026. Of the generated file only the values that must be one's own are counted, not the keys
nor the lines of the example that have to go; the two samples are said there in words ("download"). It has no drill."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A screen, and how long it took until it stood there."""

    errand: str
    typed: str
    text: str
    seconds: float


@contextmanager
def newcomer() -> Iterator[Terminal]:
    """A shell on a machine of its own."""
    with tempfile.TemporaryDirectory(prefix="drtool-newcomer-") as directory:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{restic.real(restic.NEWEST).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PS1": PROMPT,
            "TERM": "screen-256color",
        }
        settings = [f"{name}={value}" for name, value in environment.items()]
        words = ["env", "-i", *settings, tool("unshare", package="util-linux"), "--mount", "sh", "-c", _SHELL, directory]
        with Terminal(words, width=WIDTH, height=HEIGHT, directory=Path("/")) as terminal:
            _wait_for_prompt(terminal)
            yield terminal


def carried_out(terminal: Terminal, steps: Sequence[Step] = STEPS) -> Iterator[Shown]:
    """Type every step, and give each screen at its end."""
    for step in steps:
        began, typed = time.monotonic(), ""
        for each in step.typed:
            if each.asked:
                terminal.wait_for(each.asked, seconds=60)
            typed += f"{each.text}\n"
            terminal.send("-l", each.text) if each.text else None
            terminal.send("Enter")
            if not each.asked and each is not step.typed[0]:
                _wait_for_prompt(terminal)
            time.sleep(0.4)
        _wait_for_prompt(terminal)
        yield Shown(step.errand, typed, terminal.screen(scrolled=True), time.monotonic() - began)
        terminal.clear()


def _wait_for_prompt(terminal: Terminal, *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not terminal.screen().endswith(PROMPT.rstrip()):
        if time.monotonic() > deadline:
            raise AssertionError(f"no prompt came back:\n{terminal.screen()}")
        time.sleep(0.1)


def counts() -> list[tuple[str, str, str]]:
    """How much is typed for each errand, drtool's and borgmatic's: lines, an Enter too, and characters, with what ends each line."""
    theirs = dict(BORGMATIC)
    rows = [(step.errand, _sum([each.text for each in step.typed]), _sum(theirs.get(step.errand, ()))) for step in STEPS]
    ours, others = [each.text for step in STEPS for each in step.typed], [line for _errand, lines in BORGMATIC for line in lines]
    return [*rows, ("all", _sum(ours), _sum(others))]


def _sum(lines: Sequence[str]) -> str:
    return f"{counted(len(lines), 'line')}, {sum(len(line) + 1 for line in lines)} characters" if lines else "has none"


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("this needs root: the shell gets folders of its own")
    with newcomer() as machine:
        for shown in carried_out(machine):
            print(f"== {shown.errand}  ({shown.seconds:.0f} s)\n{shown.text}\n")
    print("\n".join(table([("typed", "drtool", "borgmatic"), *counts()])))
