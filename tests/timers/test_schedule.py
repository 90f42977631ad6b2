"""Timers as systemd and cron read them, installed, compared, removed; and what a unit tells systemd."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drtool.app import scheduling
from drtool.catalog.told import HeardBook
from drtool.cli import service_manager
from drtool.cli.main import main
from drtool.model.errors import Refused
from drtool.model.event import Event, EventKind
from drtool.model.timer import Credential, WantedTimers
from drtool.planning.timers import STEPS
from drtool.timers import cron as cron_of
from drtool.timers.cron import crontab, crontab_name, is_read
from drtool.timers.files import every_of
from drtool.timers.systemd import unit_names, units
from tests.notify.notifier_servers import Web, web_server
from tests.rig.program import called
from tests.rig.sockets import heard

WANTED = WantedTimers("home", "/usr/bin/true", ("/etc/drtool",), "/var/lib/drtool", ("run", "drill"), 300, 77, writable=("/srv/near",))


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # Other units of this machine put sockets there, and the path of a socket is short.
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        places = {**os.environ, "XDG_RUNTIME_DIR": runtime}
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False, cwd=folder, env=places)


def written(folder: Path, wanted: WantedTimers) -> list[str]:
    names = []
    for file in units(wanted):
        (folder / file.name).write_text(file.text)
        names.append(file.name)
    return names


@pytest.mark.parametrize(
    "wanted",
    [
        WANTED,
        replace(WANTED, writable=None),
        replace(WANTED, of_a_user=True, every_seconds=3600, offset_seconds=3599),
        replace(WANTED, calls=("run",), credentials=(Credential("near", "/etc/near"), Credential("s3", "/etc/c", encrypted=True))),
        replace(WANTED, policy_paths=("/a b/100%/$HOME/'q\"\\.yaml",), state_directory="/state dir", writable=("/s p/%n",)),
    ],
)
def test_systemd_takes_the_units_without_a_word(tmp_path: Path, wanted: WantedTimers) -> None:
    names = written(tmp_path, wanted)
    words = ("--user",) if wanted.of_a_user else ()
    checked = analyze(tmp_path, *words, "verify", *(f"./{name}" for name in names if "@" not in name), f"./{names[-1]}")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_unit_of_files_alone_is_closed_and_one_that_needs_more_says_that_it_is_not(tmp_path: Path) -> None:
    (service, *_rest) = written(tmp_path, WANTED)
    told = analyze(tmp_path, "security", "--offline=true", "--json=short", f"./{service}")
    assert told.returncode == 0, told.stderr
    last = analyze(tmp_path, "security", "--offline=true", f"./{service}").stdout.splitlines()[-1]
    assert float(last.split(": ")[1].split()[0]) < 5.5, last
    assert "# No limits" in units(replace(WANTED, writable=None))[0].text


@given(st.sampled_from([60, 120, 300, 600, 900, 1800, 3600]), st.integers(0, 3599))
def test_timers_and_cron_call_at_the_same_minutes(every: int, offset: int) -> None:
    wanted = replace(WANTED, every_seconds=every, offset_seconds=offset % every)
    timer = next(file.text for file in units(wanted) if file.name.endswith(".timer"))
    minutes = timer.split("OnCalendar=*-*-* *:")[1].split(":")[0].split(",")
    line = next(line for line in crontab(wanted).text.splitlines() if " root " in line)
    assert [int(each) for each in minutes] == [int(each) for each in line.split()[0].split(",")]
    assert len(minutes) == 3600 // every


def test_systemd_reads_the_calendar_as_meant(tmp_path: Path) -> None:
    timer = next(file.text for file in units(WANTED) if file.name.endswith(".timer"))
    calendar = timer.split("OnCalendar=")[1].splitlines()[0]
    told = analyze(tmp_path, "calendar", "--iterations=3", "--base-time=2026-11-29 00:00:00 UTC", calendar)
    assert told.returncode == 0, told.stderr
    assert [line.split()[-2] for line in told.stdout.splitlines() if "UTC" in line and "From" not in line][:1] == ["00:01:17"]


@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc"], exclude_characters="%"), min_size=1).map(
        lambda name: f"/{name}"
    )
)
def test_cron_hands_a_path_over_as_one_word(path: str) -> None:
    line = next(line for line in crontab(replace(WANTED, policy_paths=(path,))).text.splitlines() if " root " in line)
    command = line.partition(" root ")[2].partition("; ")[2]
    assert shlex.split(command) == ["/usr/bin/true", "--policy", path, "run", "--due", "--quiet"]


class Host:
    """A machine with a policy that has a schedule."""

    def __init__(self, root: Path) -> None:
        self.root, self.units = root, root / "units"
        (root / "key").write_text("secret\n")
        (root / "key").chmod(0o600)
        self.body = {
            "drtool": 1,
            "name": "home",
            "repositories": {"near": {"restic": str(root / "near"), "password": f"file:{root}/key"}},
            "sources": {"here": {"files": {}}},
            "sets": {"docs": {"protect": [{"here": {"paths": ["/etc"]}}], "to": "near", "keep": {"last": 3}, "schedule": "30 2 * * *"}},
        }

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (self.root / "policy.yaml").write_text(json.dumps(self.body))
        places = {"DRTOOL_STATE_DIR": str(self.root / "state"), "HOME": str(self.root), **environment}
        arguments = ("--policy", str(self.root / "policy.yaml"), *words)
        return called(arguments, env={**os.environ, **places}, stdin=subprocess.DEVNULL)

    def schedule(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self.call("schedule", verb, "--directory", str(self.units), *words)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_installed_twice_nothing_changes_and_removed_nothing_is_left(host: Host) -> None:
    assert host.schedule("status").returncode == 1
    first = host.schedule("install", "--yes")
    assert first.returncode == 0, first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["add"] * 3
    before = {path.name: path.stat().st_mtime_ns for path in host.units.iterdir()}
    again = host.schedule("install", "--yes")
    assert again.stdout == "nothing to change\n"
    assert {path.name: path.stat().st_mtime_ns for path in host.units.iterdir()} == before
    assert host.schedule("status").returncode == 0
    assert host.schedule("remove", "--yes").returncode == 0
    assert list(host.units.iterdir()) == []


@pytest.mark.parametrize("verb", ["install", "remove"])
def test_a_line_that_somebody_added_does_not_go_unseen(host: Host, verb: str) -> None:
    host.schedule("install", "--yes")
    with (host.units / "drtool-home-run.service").open("a", encoding="utf-8") as unit:
        unit.write("MemoryMax=1G\n")
    ended = host.schedule(verb, "--yes")
    assert ended.returncode == 0
    assert f"{host.units}/drtool-home-run.service loses:" in ended.stderr
    assert "    -MemoryMax=1G" in ended.stderr.splitlines()
    assert ("-ExecStart" in ended.stderr) is (verb == "remove"), "what stays does not go"


def test_a_changed_policy_is_told_and_what_it_needs_no_more_goes(host: Host) -> None:
    host.body["sandboxes"] = {"lab": {"lease": "1h", "here": {"directory": str(host.root / "lab")}}}
    host.body["drills"] = {"proof": {"sets": ["docs"], "sandbox": "lab", "schedule": "0 4 1 * *"}}
    host.schedule("install", "--yes")
    assert (host.units / "drtool-home-drill.timer").exists()
    del host.body["drills"]
    told = host.schedule("status")
    assert told.returncode == 1
    assert f"remove  {host.units}/drtool-home-drill.timer" in told.stdout
    policy = host.root / "policy.yaml"
    assert told.stdout.rstrip().endswith(f"next: drtool schedule install --policy {policy} --directory {host.units}")
    host.schedule("install", "--yes")
    assert sorted(path.name for path in host.units.iterdir()) == [
        "drtool-home-failed@.service",
        "drtool-home-run.service",
        "drtool-home-run.timer",
    ]


def test_without_a_terminal_the_difference_is_shown_and_nothing_is_done(host: Host) -> None:
    asked = host.schedule("install")
    assert asked.returncode == 6
    assert "+ExecStart=" in asked.stderr
    assert not host.units.exists()


@pytest.mark.parametrize("verb", ["install", "remove"])
@pytest.mark.parametrize("cron", [(), ("--cron",)])
def test_timers_of_a_policy_whose_name_goes_on_stay(host: Host, verb: str, cron: tuple[str, ...]) -> None:
    for name in ("home-lab", "home"):
        host.body["name"] = name
        assert host.schedule("install", "--yes", *cron).returncode == 0
    host.schedule(verb, "--yes", *cron)
    host.body["name"] = "home-lab"
    assert host.schedule("status", *cron).returncode == 0


@pytest.mark.parametrize("verb", ["install", "remove"])
def test_a_file_that_somebody_else_wrote_stays(host: Host, verb: str) -> None:
    host.units.mkdir()
    theirs = host.units / "drtool-home-run.service"
    theirs.write_text("[Service]\nExecStart=/bin/true\n")
    other = host.units / "drtool-homestead-run.service"
    other.write_text((host.call("schedule", "print").stdout).partition("\n")[2])
    ended = host.schedule(verb, "--yes")
    assert (ended.returncode == 6) is (verb == "install")
    assert theirs.read_text().startswith("[Service]")
    assert other.exists()


@pytest.mark.parametrize("kind", ["empty", "pipe", "link", "folder", "masked"])
@pytest.mark.parametrize("cron", [(), ("--cron",)])
def test_whatever_somebody_else_put_there_stays(host: Host, kind: str, cron: tuple[str, ...]) -> None:
    host.units.mkdir()
    theirs = host.units / ("drtool-home" if cron else "drtool-home-run.timer")
    if kind == "empty":
        theirs.touch()
    elif kind == "pipe":
        os.mkfifo(theirs)
    elif kind == "folder":
        theirs.mkdir()
    else:
        theirs.symlink_to("/dev/null" if kind == "masked" else host.root / "key")
    before = theirs.lstat()
    ended = host.schedule("install", "--yes", *cron)
    assert ended.returncode == 6, ended.stderr
    assert (f"systemctl unmask {theirs.name}" if kind == "masked" else "move it away") in ended.stderr
    assert host.schedule("remove", "--yes", *cron).returncode == 0
    assert [path.name for path in host.units.iterdir()] == [theirs.name]
    assert (theirs.lstat().st_ino, theirs.lstat().st_mode) == (before.st_ino, before.st_mode)


def test_what_a_killed_install_had_begun_to_write_goes(host: Host) -> None:
    host.schedule("install", "--yes")
    before = sorted(path.name for path in host.units.iterdir())
    whole = (host.units / "drtool-home-run.timer").read_text()
    for name, text in (("run.timer.00ff.new", whole), ("run.service.12ab.new", whole[:20]), ("drill.timer.77.new", "")):
        (host.units / f"drtool-home-{name}").write_text(text)
    others = {"drtool-home-run.timer.34.new": "[Timer]\n", "drtool-homestead-run.timer.34.new": whole}
    for name, text in others.items():
        (host.units / name).write_text(text)
    assert host.schedule("status").returncode == 1
    assert host.schedule("install", "--yes").returncode == 0
    assert sorted(path.name for path in host.units.iterdir()) == sorted([*before, *others])
    (host.units / "drtool-home-run.service.12ab.new").write_text("")
    host.schedule("remove", "--yes")
    assert sorted(path.name for path in host.units.iterdir()) == sorted(others)


@pytest.mark.parametrize("cron", [(), ("--cron",)])
def test_whose_timers_are_replaced_is_told(host: Host, cron: tuple[str, ...]) -> None:
    host.schedule("install", "--yes", *cron)
    (host.root / "policy.yaml").rename(host.root / "another's policy.yaml")
    other = ["--policy", str(host.root / "another's policy.yaml")]
    told = host.schedule("install", "--yes", *cron, *other).stdout
    assert f"(until now it calls with --policy {host.root}/policy.yaml)" in told
    assert "until now" not in host.schedule("status", *cron, *other).stdout
    told = host.schedule("install", "--yes", *cron).stdout
    assert "another" in told.partition("until now it calls with --policy ")[2].partition(")")[0]


@pytest.fixture
def systemd(host: Host) -> Path:
    """A systemctl that writes down what it was told, and knows as active what it was told to enable; where its user's units go."""
    programs = host.root / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(
        f"""#!/bin/sh
echo "$@" >>{host.root}/told
shift
case $1 in
is-system-running) cat {host.root}/standing 2>/dev/null || echo degraded;;
daemon-reload) if [ -e {host.root}/deaf ]; then printf 'Failed to connect to bus:\n  Host is down\n' >&2; exit 1; fi;;
is-active) grep -qx "$3" {host.root}/active 2>/dev/null;;
enable) shift 2; printf '%s\\n' "$@" >>{host.root}/active;;
disable) rm -f {host.root}/active;;
esac
"""
    )
    (programs / "systemctl").chmod(0o755)
    return host.root / "config" / "systemd" / "user"


def test_systemd_is_told_and_a_timer_that_nothing_wakes_is_no_success(host: Host, systemd: Path) -> None:
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}

    def schedule(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        return host.call("schedule", verb, "--user", *words, **places)

    assert schedule("install", "--yes").returncode == 0
    told = (host.root / "told").read_text().splitlines()
    assert told == ["--user is-system-running", "--user daemon-reload", "--user enable --now drtool-home-run.timer"]
    assert (systemd / "drtool-home-run.timer").exists()
    assert schedule("status").returncode == 0
    (host.root / "active").unlink()
    asleep = schedule("status")
    assert asleep.returncode == 1
    assert "start   drtool-home-run.timer: it is there, and nothing wakes it" in asleep.stdout
    assert schedule("install", "--yes").returncode == 0
    assert schedule("status").returncode == 0
    assert schedule("remove", "--yes").returncode == 0
    assert "--user disable --now drtool-home-run.timer" in (host.root / "told").read_text()
    assert list(systemd.iterdir()) == []


def test_a_timer_whose_calendar_changed_is_restarted(host: Host, systemd: Path) -> None:
    del systemd
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}
    host.call("schedule", "install", "--user", "--yes", **places)
    host.call("schedule", "install", "--user", "--yes", "--every", "10m", **places)
    assert "--user restart drtool-home-run.timer" in (host.root / "told").read_text()


@pytest.mark.parametrize("how", [(), ("--cron",)])
def test_what_is_installed_keeps_how_often_it_asks(host: Host, how: tuple[str, ...]) -> None:
    assert host.schedule("install", *how, "--yes", "--every", "15m").returncode == 0
    assert host.schedule("status", *how).returncode == 0
    assert "nothing to change" in host.schedule("install", *how, "--yes").stdout
    other = host.schedule("status", *how, "--every", "20m")
    assert other.returncode == 1
    assert "--every 20m" in other.stdout
    assert host.schedule("remove", *how, "--yes").returncode == 0
    host.schedule("install", *how, "--yes")
    assert host.schedule("status", *how, "--every", "5m").returncode == 0, "nothing is installed: five minutes"


@pytest.mark.parametrize("every", STEPS)
def test_the_files_say_how_often_they_ask(tmp_path: Path, every: int) -> None:
    wanted = replace(WANTED, every_seconds=every, offset_seconds=every - 1)
    for file in (crontab(wanted), *units(wanted)):
        (tmp_path / file.name).write_text(file.text)
    assert every_of(str(tmp_path), unit_names(WANTED.policy)) == every
    assert every_of(str(tmp_path), [crontab_name(WANTED.policy)]) == every
    (tmp_path / crontab_name(WANTED.policy)).write_text("0 * * * * root sleep 3; mine\n")
    assert every_of(str(tmp_path), [crontab_name(WANTED.policy)]) is None, "somebody else's says nothing"


def test_cron_writes_one_file_and_takes_it_away(host: Host) -> None:
    assert host.schedule("install", "--cron", "--yes").returncode == 0
    assert [path.name for path in host.units.iterdir()] == ["drtool-home"]
    assert host.schedule("remove", "--cron", "--yes").returncode == 0
    assert list(host.units.iterdir()) == []


@given(names=st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}", fullmatch=True), min_size=2, max_size=2, unique=True))
@example(names=["a.b", "a-b"])
@example(names=["a.b", "a_db"])
@example(names=["a_.b", "a._b"])
def test_cron_reads_every_file_and_each_policy_has_its_own(names: list[str]) -> None:
    spelled = [crontab_name(name) for name in names]
    assert len(set(spelled)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in spelled), "cron(8) of Debian passes over every other"


def test_a_file_that_cron_passed_over_is_replaced_and_removed(host: Host) -> None:
    host.body["name"] = "home.lab"
    assert host.schedule("install", "--cron", "--yes").returncode == 0
    (file,) = host.units.iterdir()
    file.rename(host.units / "drtool-home.lab")
    assert host.schedule("status", "--cron").returncode == 1
    assert host.schedule("install", "--cron", "--yes").returncode == 0
    assert list(host.units.iterdir()) == [file]
    file.rename(host.units / "drtool-home.lab")
    assert host.schedule("remove", "--cron", "--yes").returncode == 0
    assert list(host.units.iterdir()) == []


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, writable=("/srv/near\nExecStartPre=/bin/id",)),
        replace(WANTED, program="/usr/bin/true\r"),
        replace(WANTED, policy_paths=("/etc/\x85",)),
        replace(WANTED, state_directory="/state\u2028"),
        replace(WANTED, policy_paths=("/etc/\udcff",)),
        replace(WANTED, credentials=(Credential("x\nExecStartPre=/bin/id", "/etc/x"),)),
        replace(WANTED, credentials=(Credential("x:/etc/shadow", "/etc/x"),)),
        replace(WANTED, credentials=(Credential("x", "/etc/x\n"),)),
    ],
)
def test_nothing_begins_a_line_of_its_own_in_a_unit_or_for_cron(wanted: WantedTimers) -> None:
    with pytest.raises(Refused):
        units(wanted)
    if (wanted.writable, wanted.credentials) == (WANTED.writable, ()):
        with pytest.raises(Refused):
            crontab(wanted)


@pytest.mark.parametrize("place", ["metrics", "sandbox", "repository", "credential", "key"])
def test_a_policy_whose_places_are_two_lines_is_no_policy(host: Host, place: str) -> None:
    more = "x\nExecStartPre=/bin/id"
    near = host.body["repositories"]["near"]  # type: ignore[index]
    if place == "metrics":
        host.body["notify"] = [{"metrics": {"directory": f"/m/{more}"}}]
    elif place == "credential":
        host.body["notify"] = [{"webhook": {"url": f"credential:{more}"}}]
    elif place == "sandbox":
        host.body["sandboxes"] = {"lab": {"lease": "1h", "here": {"directory": f"/l/{more}"}}}
    elif place == "repository":
        near["restic"] = f"/r/{more}"
    else:
        near["password"] = f"credential:{more}"
    ended = host.call("validate")
    assert ended.returncode == 2, ended.stdout
    assert "one line" in ended.stderr or "is followed by a name" in ended.stderr
    assert host.schedule("install", "--yes").returncode == 2
    assert not host.units.exists()


def test_a_dollar_is_doubled_where_systemd_reads_a_command_and_nowhere_else() -> None:
    wanted = replace(WANTED, policy_paths=("/p$H",), state_directory="/st$ate", writable=("/re$po",))
    for file in units(wanted):
        lines = [line for line in file.text.splitlines() if "$" in line]
        assert all(("$$" in line) is line.startswith("ExecStart=") for line in lines), lines
    service = units(wanted)[0].text
    assert 'Environment="DRTOOL_STATE_DIR=/st$ate"' in service
    assert 'ReadWritePaths="-/re$po"' in service


@pytest.mark.parametrize("verb", ["print", "install", "status"])
def test_what_systemd_alone_hands_over_is_not_left_to_cron(host: Host, verb: str) -> None:
    host.body["repositories"]["near"]["password"] = "credential:near"  # type: ignore[index]
    ended = host.schedule(verb, "--cron", *(["--yes"] if verb == "install" else []))
    assert ended.returncode == 6
    assert "credential:near" in ended.stderr
    assert "file:/etc/credstore/near" in ended.stderr
    assert not host.units.exists()
    assert host.schedule("remove", "--cron", "--yes").returncode == 0


def test_a_path_of_two_lines_is_refused(host: Host) -> None:
    ended = host.call("schedule", "print", "--state-directory", str(host.root / "a\nExecStart=x"))
    assert ended.returncode == 6
    assert ended.stdout == ""


@pytest.mark.parametrize(("words", "told"), [(("--every", "7m"), "must divide an hour"), (("--cron", "--user"), "crontab -e")])
def test_what_cannot_be_is_a_mistake_of_usage(host: Host, words: tuple[str, ...], told: str) -> None:
    ended = host.schedule("print", *words)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_policy_without_a_schedule_needs_no_timer(host: Host) -> None:
    host.body["sets"]["docs"].pop("schedule")  # type: ignore[index]
    ended = host.schedule("install", "--yes")
    assert ended.returncode == 2
    assert "has a schedule" in ended.stderr


def test_doctor_says_whether_anything_wakes_it(host: Host) -> None:
    places = {"XDG_CONFIG_HOME": str(host.root / "config")}

    def told() -> list[tuple[object, str, str]]:
        findings = json.loads(host.call("doctor", "--json", **places).stdout)["findings"]
        return [(each["good"], each["text"], each["remedy"]) for each in findings if each["subject"] == "timers"]

    ((good, text, remedy),) = told()
    assert good is None
    assert "no timer" in text
    assert "drtool schedule install" in remedy
    units = host.root / "config" / "systemd" / "user"
    host.call("schedule", "install", "--directory", str(units), "--user", "--yes")
    assert told() == [(True, f"what is due is asked for by timers in {units}", "")]
    host.body["name"] = "hom"
    assert told()[0][0] is None, "those are of another policy"
    host.body["sets"]["docs"].pop("schedule")  # type: ignore[index]
    assert told() == [], "nothing is ever due"


@pytest.mark.parametrize("words", [(), ("--cron",)])
def test_timers_of_another_kind_are_named_and_not_doubled(host: Host, systemd: Path, words: tuple[str, ...]) -> None:
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}
    assert host.call("schedule", "install", "--user", "--yes", **places).returncode == 0
    named, policy = f"{systemd}/drtool-home-run.timer is installed: drtool schedule remove", f"--policy {host.root}/policy.yaml"
    status = host.call("schedule", "status", *words, **places)
    assert status.returncode == 1
    assert status.stdout.startswith(named)
    assert status.stdout.endswith(f"next: drtool schedule status {policy} --user\n"), "nothing that would double them"
    removed = host.call("schedule", "remove", *words, **places)
    assert (removed.returncode, removed.stdout.splitlines()[0]) == (0, "nothing to change")
    assert f"{named} {policy} --user" in removed.stdout
    refused = host.call("schedule", "install", *words, **places)
    assert refused.returncode == 6
    assert f"{systemd}/drtool-home-run.timer calls it already" in refused.stderr
    assert f"drtool schedule remove {policy} --user" in refused.stderr
    assert host.schedule("install", "--yes", *words).returncode == 0, "where --directory says, whatever is installed"
    assert host.call("schedule", "status", "--user", **places).stdout.endswith("as it has to be\n")


@pytest.mark.parametrize(("first", "second"), [("--cron", ""), ("", "--cron"), ("--user", "--cron")])
def test_in_a_folder_of_their_own_timers_of_another_kind_are_named_and_not_doubled(host: Host, first: str, second: str) -> None:
    words = [second] if second else []
    assert host.schedule("install", "--yes", *([first] if first else [])).returncode == 0
    there = sorted(path.name for path in host.units.iterdir())
    of_first = f"{'--cron ' if first == '--cron' else ''}--directory {host.units}"
    status = host.schedule("status", *words)
    assert (status.returncode, "is installed: drtool schedule remove" in status.stdout) == (1, True)
    assert status.stdout.endswith(f"next: drtool schedule status --policy {host.root}/policy.yaml {of_first}\n"), (
        "nothing that would double them"
    )
    removed = host.schedule("remove", "--yes", *words)
    assert removed.stdout.splitlines()[0] == "nothing to change"
    refused = host.schedule("install", "--yes", *words)
    assert (refused.returncode, sorted(path.name for path in host.units.iterdir())) == (6, there)
    (hint,) = re.findall(r"drtool (schedule remove .*), then this again", " ".join(refused.stderr.split()))
    assert host.call(*hint.replace(f"--policy {host.root}/policy.yaml ", "").split(), "--yes").returncode == 0
    assert list(host.units.iterdir()) == []
    assert host.schedule("install", "--yes", *words).returncode == 0


def test_timers_of_another_policy_of_that_name_are_no_second_kind(host: Host, systemd: Path) -> None:
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}
    host.call("schedule", "install", "--user", "--yes", **places)
    (host.root / "policy.yaml").rename(host.root / "another.yaml")
    told = host.call("schedule", "status", "--policy", str(host.root / "another.yaml"), **places)
    assert str(systemd) not in told.stdout


@pytest.mark.parametrize("runs", [True, False])
def test_cron_that_nothing_reads_is_told(
    host: Host, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, runs: bool
) -> None:
    del home
    folder = host.root / "cron.d"
    monkeypatch.setattr(scheduling, "_OF_CRON", str(folder))
    monkeypatch.setattr(scheduling, "_OF_THE_SYSTEM", str(host.root / "system"))
    monkeypatch.setattr(cron_of, "is_read", lambda: runs)
    host.call("validate")

    def schedule(*words: str) -> tuple[int, str]:
        ended = main(["--policy", str(host.root / "policy.yaml"), "schedule", *words])
        told = capsys.readouterr()
        return ended, told.out + told.err

    for words in (("install", "--cron", "--yes"), ("install", "--cron", "--yes"), ("status", "--cron")):
        ended, told = schedule(*words)
        assert ended == (0 if runs else 1), words
        assert ("no cron is running here: nothing will read this file" in told) is not runs
        assert "as it has to be" not in told or runs
    (file,) = folder.iterdir()
    ended, told = schedule("status")
    assert ended == 1
    assert f"{file} is installed: drtool schedule remove" in told
    ended, told = schedule("install")
    assert (ended, f"{file} calls it already" in told) == (6, True)
    assert schedule("remove", "--cron", "--yes")[0] == 0
    assert list(folder.iterdir()) == []


def test_who_reads_files_of_cron_is_known_by_what_runs(tmp_path: Path) -> None:
    def has(number: int, name: str) -> None:
        (tmp_path / "proc" / str(number)).mkdir(parents=True)
        (tmp_path / "proc" / str(number) / "comm").write_text(f"{name}\n")

    assert is_read(str(tmp_path)), "processes of others are hidden: nobody can tell"
    has(1, "init")
    has(7, "crontab")
    (tmp_path / "proc" / "8").mkdir()
    assert not is_read(str(tmp_path))
    has(9, "crond")
    assert is_read(str(tmp_path))


def test_systemd_cron_runs_nothing_and_reads_them(tmp_path: Path) -> None:
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "comm").write_text("systemd\n")
    generator = tmp_path / "usr" / "lib" / "systemd" / "system-generators" / "systemd-crontab-generator"
    generator.parent.mkdir(parents=True)
    generator.touch()
    assert is_read(str(tmp_path))


@pytest.mark.parametrize("how", ["offline", "no systemctl"])
def test_without_systemd_nothing_is_written_and_cron_is_named(host: Host, systemd: Path, how: str) -> None:
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}
    (host.root / "standing").write_text("offline\n")
    if how == "no systemctl":
        places["PATH"] = str(host.root / "empty")
    refused = host.call("schedule", "install", "--user", "--yes", **places)
    assert refused.returncode == 6, refused.stderr
    assert "systemd does not run here: nothing would start these timers" in refused.stderr
    assert "--cron" in refused.stderr
    assert "\\x0a" not in refused.stderr
    assert not systemd.exists()
    status = host.call("schedule", "status", "--user", **places)
    assert status.returncode == 1
    assert "systemd does not run here" in status.stdout
    assert "start   " not in status.stdout
    assert host.call("schedule", "install", "--user", "--directory", str(systemd), "--yes").returncode == 0
    removed = host.call("schedule", "remove", "--user", "--yes", **places)
    assert removed.returncode == 0, removed.stderr
    assert list(systemd.iterdir()) == []


def test_what_systemctl_says_is_told_in_one_line(host: Host, systemd: Path) -> None:
    del systemd
    (host.root / "deaf").touch()
    places = {"PATH": f"{host.root}/bin:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(host.root / "config")}
    ended = host.call("schedule", "install", "--user", "--yes", **places)
    assert ended.returncode == 1
    assert "said: Failed to connect to bus: Host is down" in ended.stderr


def test_how_often_says_nothing_where_timers_are_removed(host: Host) -> None:
    assert "--every" not in host.call("schedule", "remove", "--help").stdout
    assert "--every" in host.call("schedule", "status", "--help").stdout


def test_a_mask_of_somebody_else_is_no_timer_and_stops_no_look(host: Host) -> None:
    units = host.root / "config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "drtool-home-run.timer").symlink_to("/dev/null")
    ended = host.call("doctor", XDG_CONFIG_HOME=str(host.root / "config"))
    assert "no timer of drtool's calls it here" in ended.stdout + ended.stderr


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


def test_a_unit_that_failed_is_told_once_a_day_unless_its_own_call_told(host: Host, web: Web, tmp_path: Path) -> None:
    host.body["notify"] = [{"webhook": {"url": web.address}}]
    HeardBook(str(tmp_path / "state"), by="home").mark("told-its-end")

    def fails(result: str, status: str, call: str) -> int:
        before = len(web.asked)
        more = {"MONITOR_SERVICE_RESULT": result, "MONITOR_EXIT_STATUS": status, "MONITOR_INVOCATION_ID": call}
        ended = host.call("schedule", "failed", "drtool-home-run", **more)
        assert ended.returncode == 0, ended.stderr
        return len(web.asked) - before

    assert fails("exit-code", "6", "told-its-end") == 0
    assert fails("exit-code", "6", "another") == 1, "what was refused before it had a plan may have told nobody"
    assert fails("exit-code", "6", "one-more") == 0, "the same on the same day is no news"
    assert fails("signal", "KILL", "a-third") == 1
    assert fails("", "", "") == 1, "systemd before 251 says nothing"
    assert {json.loads(each.body)["next"] for each in web.asked} == {"journalctl -u drtool-home-run"}


def test_nobody_waits_for_one_who_does_not_read_what_he_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with heard() as (there, address):
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        event = Event(EventKind.STEP_STARTED, "01ARZ3NDEKTSV4RRFFQ69G5FAV", datetime(2026, 1, 1, tzinfo=UTC), 0.0, "docs/store")
        for _number in range(2000):  # more than any machine keeps for one who does not read
            service_manager.listener(event)
        service_manager.ready()
        assert there.recv(4096) == b"STATUS=docs/store"


def test_a_unit_tells_systemd_that_it_began_and_what_it_does(host: Host, tmp_path: Path, restic_newest: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("x")
    host.body["sets"]["docs"]["protect"] = [{"here": {"paths": [str(tmp_path / "data")]}}]  # type: ignore[index]
    with heard() as (there, address):
        there.settimeout(30)
        words = ("--restic", str(restic_newest), "--quiet")
        assert host.call("init", *words).returncode == 0
        ended = host.call("run", "--due", *words, NOTIFY_SOCKET=address)
        assert ended.returncode == 0, ended.stderr
        told = [there.recv(4096).decode()]
        while told[-1] != "STATUS=tidying up":
            told.append(there.recv(4096).decode())
    assert told[0] == "READY=1"
    assert any(words.startswith("STATUS=docs/store/") for words in told)
