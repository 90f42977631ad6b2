"""Set-ups that are broken on purpose: doctor names each, its remedy is followed as it is printed, and a second doctor is clean of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from drtool.app.doctor import QUESTIONS, asking, ways
from drtool.cli.main import main
from drtool.ports import Finding
from tests.doctor.broken import OTHER_DISK, Broken, Case, as_printed
from tests.rig.disk import full_disk
from tests.rig.rest import RestServer
from tests.rig.restic import NEWEST, OLDEST, binary
from tests.rig.sshd import SshServer


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """Built once, in one folder for each of two disks."""
    if not OTHER_DISK.is_dir() or not os.access(OTHER_DISK, os.W_OK):
        pytest.skip(f"{OTHER_DISK} is no second disk here")
    with tempfile.TemporaryDirectory(dir=OTHER_DISK, prefix="drtool-doctor-") as other, pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("broken") / "world"
        world = Broken(root, Path(other) / "disk", binary(NEWEST), binary(OLDEST))
        patch.setenv("PATH", f"{world.restic.parent}:{os.environ['PATH']}")
        patch.setenv("XDG_CACHE_HOME", str(root.with_name("cache")))
        world.build()
        yield world


@pytest.fixture
def world(built: Broken, home: Path, monkeypatch: pytest.MonkeyPatch) -> Broken:
    """As it was built, whatever an earlier test broke."""
    built.mend()
    monkeypatch.setenv("PATH", f"{built.restic.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("DRTOOL_POLICY", str(built.policy_file))
    monkeypatch.setenv("DRTOOL_STATE_DIR", str(built.root / "state"))
    return built


def on_path(world: Broken, program: str, text: str) -> None:
    """Let a program of that name come first on the path."""
    place = world.root / "bin" / program
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    if str(place.parent) not in os.environ["PATH"].split(":"):
        os.environ["PATH"] = f"{place.parent}:{os.environ['PATH']}"


def gone(world: Broken, program: str) -> None:
    (world.root / "bin" / program).unlink()


def leave_a_lock(world: Broken) -> None:
    """A restic that is killed in the middle of its work leaves its lock."""
    argv = ["restic", "-r", str(world.at("near")), "--password-file", f"{world.root}/near.key", "backup", "--stdin"]
    held = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(re.fullmatch(r"[0-9a-f]{64}", lock.name) for lock in (world.at("near") / "locks").iterdir()):
        assert held.poll() is None
    held.kill()
    held.communicate()


def die(world: Broken) -> None:
    """A run that is killed in the middle of its work."""
    world.policy["sets"]["docs"]["before"] = [{"run": ["sh", "-c", "kill -9 $PPID"], "on": "here"}]
    world.app()
    subprocess.run([sys.executable, "-m", "drtool.cli.main", "run"], capture_output=True, check=False)
    del world.policy["sets"]["docs"]["before"]


def repository(world: Broken, name: str, **changes: Any) -> None:  # noqa: ANN401
    world.policy["repositories"][name].update(changes)


def docs(world: Broken, **changes: Any) -> None:  # noqa: ANN401
    world.policy["sets"]["docs"].update(changes)


def move(world: Broken, name: str, to: Path) -> None:
    shutil.move(world.at(name), to)
    world.policy["repositories"][name]["restic"] = str(to)


def of_a_group(world: Broken) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to a group that is not its own")
    os.chown(world.policy_file, 0, 65534)
    world.policy_file.chmod(0o664)


def off_site_at_home(world: Broken) -> None:
    move(world, "off", world.root / "off")
    move(world, "near", world.other / "near")


def sandbox(world: Broken, directory: object) -> None:
    world.policy["sandboxes"]["lab"]["here"]["directory"] = str(directory)


def no_drills(world: Broken) -> None:
    del world.policy["drills"], world.policy["sandboxes"]


def key_added(world: Broken, remedy: str) -> None:
    """`drtool key add near --file FILE, on a medium …; then: drtool key prove near --file FILE`."""
    file = world.other / "media" / "near.key"
    add, prove = (each.replace("FILE", str(file)) for each in re.findall(r"drtool key \w+ \w+ --file FILE", remedy))
    world.typed(add)
    world.typed(prove)


def proven(world: Broken, remedy: str) -> None:
    command = re.findall(r"drtool key prove near --file FILE", remedy)[0]
    world.typed(command.replace("FILE", str(world.other / "media" / "near.key")))


def one_alone(world: Broken) -> None:
    docs(world, copies=[])
    world.policy["drills"]["proof"] = {"sets": ["docs"], "sandbox": "lab"}


def second_copy(world: Broken, remedy: str) -> None:
    """`name a second repository …, and copies: [ITS NAME] in docs; then: drtool init, drtool copy docs`."""
    world.mend_policy()
    for command in remedy.partition("then: ")[2].split(", "):
        world.typed(command)


def written_in_policy(world: Broken, remedy: str) -> None:
    """`write in the policy: sandboxes: {…} and drills: {…}`: as it is printed, but for the folder."""
    text = remedy.removeprefix("write in the policy: ").replace("/var/lib/drtool/sandbox", str(world.other / "lab"))
    sandboxes, _and, drills = text.partition(" and drills: ")
    for part in (sandboxes, f"drills: {drills}"):
        world.policy |= YAML(typ="safe").load(part)


def new_set(world: Broken) -> None:
    (world.root / "letters").mkdir()
    (world.root / "letters" / "first").write_text("dear")
    world.policy["sets"]["letters"] = {**world.policy["sets"]["docs"], "protect": [{"here": {"paths": [f"{world.root}/letters"]}}]}


def timed(world: Broken) -> None:
    docs(world, schedule="0 3 * * *")


def units(world: Broken) -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"]) / "systemd" / "user"


def install(world: Broken, _remedy: str = "") -> None:
    """`drtool schedule install`, with the folder for a machine that systemd does not run."""
    world.typed(f"drtool schedule install --user --yes --directory {units(world)} --policy {world.policy_file}")


def timer_without_variable(world: Broken) -> None:
    timed(world)
    repository(world, "off", environment={"RCLONE_BWLIMIT": "env:DOCTOR_LIMIT"})
    os.environ["DOCTOR_LIMIT"] = "8M"
    install(world)


def variable_given(_world: Broken, remedy: str) -> None:
    """`write NAME=VALUE into FILE (mode 600), and: systemctl …`."""
    name, file = re.fullmatch(r"write (\w+)=VALUE into (\S+) \(mode 600\), and: .*", remedy).groups()  # type: ignore[union-attr]
    Path(file).parent.mkdir(parents=True)
    Path(file).write_text(f"{name}=8M\n")
    Path(file).chmod(0o600)


def timer_without_credential(world: Broken) -> None:
    timed(world)
    world.policy["notify"] = [{"healthchecks": {"url": "credential:doctor-hc"}}]
    install(world)
    for unit in units(world).glob("*.service"):
        unit.write_text(unit.read_text().replace("/etc/credstore", str(world.root / "credstore")))


def credential_given(world: Broken, remedy: str) -> None:
    """`install -D -m 600 FILE PATH, with the file that holds the secret`."""
    (world.root / "secret").write_text("https://example.org")
    world.typed(remedy.partition(", with")[0].replace("FILE", str(world.root / "secret")))


def timer_of_another_place(world: Broken) -> None:
    timed(world)
    install(world)
    for unit in units(world).glob("*.service"):
        unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/opt/gone/drtool", unit.read_text(), flags=re.MULTILINE))


def forget_behind(world: Broken) -> None:
    words = ["restic", "-r", str(world.at("near")), "--password-file", f"{world.root}/near.key"]
    snapshots = subprocess.run([*words, "snapshots", "--json"], capture_output=True, text=True, check=True).stdout
    ids = re.findall(r'"id":"(\w+)"', snapshots)
    subprocess.run([*words, "forget", *ids], capture_output=True, check=True)


def in_hosts(world: Broken) -> None:
    (world.root / "hosts").write_text("192.0.2.7 store.example.org store\n")
    ways.HOSTS = str(world.root / "hosts")  # type: ignore[misc]
    repository(world, "off", restic="rest:http://store.example.org:9/off")


def by_address(world: Broken, remedy: str) -> None:
    """`write ADDRESS for HOST in the address of off`."""
    address, host = re.match(r"write (\S+) for (\S+) in the address of off", remedy).groups()  # type: ignore[union-attr]
    repository(world, "off", restic=world.policy["repositories"]["off"]["restic"].replace(host, address))


def through_a_tunnel(world: Broken) -> None:
    repository(world, "off", restic="rest:http://192.0.2.9:9/off")
    on_path(world, "ip", 'echo "192.0.2.9 dev wg0 src 192.0.2.1 uid 0"')


def drill_key_beside(world: Broken) -> None:
    shutil.copy2(world.other / "media" / "off.key", world.root / "escrow.key")
    world.policy["drills"]["proof"]["key"] = f"file:{world.root}/escrow.key"


def ups_silent(world: Broken) -> None:
    world.policy["power"] = {"ups": "none@localhost"}
    on_path(world, "upsc", "echo 'Error: Connection failure' >&2; exit 1")


def far(world: Broken, ahead: int) -> None:
    """A source on another machine: an ssh that runs what it is sent here, where `date` is off."""
    world.policy["sources"]["pi"] = {"files": {"ssh": "pi"}}
    on_path(world, "ssh", f'for last; do :; done\nPATH={world.root}/there:$PATH exec /bin/sh -c "$last"')
    (world.root / "there").mkdir(exist_ok=True)
    (world.root / "there" / "date").write_text(f"#!/bin/sh\necho $(($(/bin/date +%s) + {ahead}))\n")
    (world.root / "there" / "date").chmod(0o755)


CASES = (
    Case(
        "a restic that is old",
        "repositories",
        "holes in sparse files",
        lambda world: on_path(world, "restic", f'exec {world.oldest} "$@"'),
        lambda world, _: gone(world, "restic"),
        ("near",),
        remedy="install restic 0.19",
    ),
    Case(
        "a disk that is not mounted",
        "repositories",
        "there is no repository near",
        lambda world: world.at("near").rename(world.root / "away"),
        lambda world, _: (world.root / "away").rename(world.at("near")),
        ("near",),
        red=True,
        remedy="mount",
    ),
    Case(
        "a key that is another's",
        "repositories",
        "the password does not open",
        lambda world: world.write(world.root / "near.key", "no key of near"),
        lambda world, _: world.write(world.root / "near.key", "near"),
        ("near",),
        red=True,
    ),
    Case(
        "a key file that others read",
        "repositories",
        "near.key",
        lambda world: (world.root / "near.key").chmod(0o644),
        as_printed,
        ("near",),
        red=True,
        remedy="chmod 600",
    ),
    Case(
        "a lock of a process that died",
        "repositories",
        "no process of this machine has that number",
        leave_a_lock,
        as_printed,
        ("near",),
        remedy="unlock",
    ),
    Case(
        "a repository that went back in time",
        "memory",
        "near",
        forget_behind,
        lambda world, remedy: world.typed(remedy.partition("if it was meant: ")[2]),
        ("near",),
        red=True,
    ),
    Case("only one key", "keys", "its only key", lambda _: None, key_added, ("near",), remedy="drtool key add near"),
    Case(
        "a key that was never proven",
        "keys",
        "never proven",
        lambda world: world.add_key("near", world.root / "near.key", world.other / "media" / "near.key"),
        proven,
        ("near",),
    ),
    Case("one repository alone", "copies", "in near alone", one_alone, second_copy, ("here",)),
    Case(
        "every copy on the disk of the source",
        "copies",
        "lie on the disk of what it protects",
        lambda world: move(world, "off", world.root / "off"),
        lambda world, _: move(world, "off", world.other / "off"),
        ("here",),
    ),
    Case(
        "an off-site copy at home",
        "copies",
        "called off-site",
        off_site_at_home,
        lambda world, _: world.policy["repositories"]["off"].pop("site"),
        ("here",),
        remedy="take `site:` out of off",
    ),
    Case(
        "no copy off-site",
        "copies",
        "none is off-site",
        lambda world: world.policy["repositories"]["off"].pop("site"),
        lambda world, _: repository(world, "off", site="away"),
        ("here",),
        remedy="its own `site:`",
    ),
    Case(
        "a sandbox among what is protected",
        "sandboxes",
        "drills pour among what is in service",
        lambda world: sandbox(world, world.root / "data" / "lab"),
        lambda world, _: sandbox(world, world.other / "lab"),
        ("lab",),
        remedy="name another folder",
    ),
    Case(
        "a sandbox on the disk in service",
        "sandboxes",
        "lies on the file system of",
        lambda world: sandbox(world, world.root / "lab"),
        lambda world, _: sandbox(world, world.other / "lab"),
        ("lab",),
        remedy="another file system",
    ),
    Case("no sandbox at all", "proofs", "no sandbox has a place", no_drills, written_in_policy, ("here",), remedy="sandboxes: {lab:"),
    Case(
        "a set that no drill proves",
        "proofs",
        "no drill of the policy",
        new_set,
        lambda world, _: world.policy["drills"]["proof"].update(sets=["docs", "letters"]),
        ("here",),
    ),
    Case(
        "a policy that lies here alone",
        "policy",
        "says of letters lies in no repository",
        new_set,
        as_printed,
        ("here",),
        remedy="drtool run letters",
    ),
    Case(
        "a folder that is gone",
        "sets",
        "does not exist",
        lambda world: docs(world, protect=[{"here": {"paths": [f"{world.root}/gone"]}}]),
        lambda world, _: (world.root / "gone").mkdir(),
        ("here",),
        red=True,
        remedy="is its disk mounted",
    ),
    Case(
        "an escrowed key on the disk of the other",
        "drill keys",
        "lies on the disk of the key in use",
        drill_key_beside,
        lambda world, _: world.policy["drills"]["proof"].update(key=f"file:{world.other}/media/off.key"),
        ("proof",),
        remedy="move it to a medium",
    ),
    Case(
        "a name that only this machine knows",
        "ways",
        "from /etc/hosts of this machine",
        in_hosts,
        by_address,
        ("off",),
    ),
    Case(
        "a way through a tunnel",
        "ways",
        "what is by its name a VPN's interface, wg0",
        through_a_tunnel,
        lambda world, _: on_path(world, "ip", 'echo "192.0.2.9 dev eth0 src 192.0.2.1 uid 0"'),
        ("off",),
        remedy="without wg0",
    ),
    Case(
        "a clock that is off",
        "machines",
        "ahead of ours",
        lambda world: far(world, 3600),
        lambda world, _: far(world, 0),
        ("pi",),
        red=True,
        remedy="NTP",
    ),
    Case(
        "a state that anybody may write",
        "state",
        "can be written by",
        lambda world: (world.root / "state").chmod(0o777),
        as_printed,
        red=True,
    ),
    Case(
        "a policy that others may write",
        "modes",
        "may be written by the group",
        of_a_group,
        as_printed,
        red=True,
    ),
    Case("a run that died", "runs", "died", die, as_printed, remedy="drtool sweep"),
    Case("a schedule that nothing calls", "timers", "no timer of drtool's", timed, install, remedy="drtool schedule install"),
    Case("a timer without a variable", "timer environment", "env:DOCTOR_LIMIT", timer_without_variable, variable_given),
    Case(
        "a timer without a credential",
        "timer environment",
        "credstore/doctor-hc, which is not there",
        timer_without_credential,
        credential_given,
        red=True,
    ),
    Case(
        "a timer that calls what is gone",
        "timer environment",
        "/opt/gone/drtool, which is not there",
        timer_of_another_place,
        install,
        remedy="drtool schedule install --user",
    ),
    Case(
        "a UPS that says nothing",
        "power",
        "does not answer",
        ups_silent,
        lambda world, _: world.policy.pop("power"),
        red=True,
        remedy="upsc",
    ),
)


def told(found: tuple[Finding, ...], case: Case) -> list[Finding]:
    return [each for each in found if each.question == case.question and each.good is not True and case.words in each.text]


@pytest.fixture
def _as_before() -> Iterator[None]:
    """What a case changes of this process."""
    environment, hosts = dict(os.environ), ways.HOSTS
    yield
    ways.HOSTS = hosts  # type: ignore[misc]
    os.environ.clear()
    os.environ.update(environment)


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_named_and_its_remedy_mends_it(world: Broken, case: Case) -> None:
    case.breaks(world)
    found = world.doctor(*case.subjects)
    named = told(found, case)
    assert named, [each for each in found if each.good is not True]
    (first, *_more) = named
    assert (first.good is False) is case.red, first
    assert case.remedy in first.remedy, first
    assert first.remedy
    case.follow(world, first.remedy)
    assert told(world.doctor(*case.subjects), case) == []


def test_what_is_well_is_told_as_well(world: Broken) -> None:
    """But for the copy that has one key: the cases begin with what is well."""
    found = [each for each in world.doctor() if each.good is not True]
    assert [(each.question, each.subject) for each in found] == [("keys", "near: keys")], found


@pytest.mark.usefixtures("_as_before")
def test_what_hangs_in_one_question_keeps_no_other_away(world: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "QUESTION_SECONDS", 4.0)
    on_path(world, "restic", f'case $RESTIC_REPOSITORY in */off) exec sleep 600;; esac\nexec {world.restic} "$@"')
    found = world.doctor()
    (given_up,) = [each for each in found if each.subject == "off: TimedOut"]
    assert given_up.good is False
    assert "did not end" in given_up.text
    assert "look at what it waits for" in given_up.remedy
    assert [each for each in found if each.subject == "near: writing" and each.good]
    assert [each for each in found if each.subject == "set docs" and each.good]


@pytest.mark.usefixtures("_as_before")
def test_what_opens_the_way_lies_beside_the_escrowed_key(world: Broken, ssh_server: SshServer) -> None:
    repository(world, "off", restic=ssh_server.address(world.at("off")), ssh_config=str(ssh_server.config))
    escrow = Case("", "escrow", "open the way to off", lambda _: None, as_printed)
    found = world.doctor("off")
    (named,) = told(found, escrow)
    assert named.good is None
    assert named.remedy.startswith("cp -p ")
    assert str(ssh_server.directory / "client") in named.remedy
    world.typed(named.remedy)
    assert told(world.doctor("off"), escrow) == []
    (world.other / "media" / "client").write_text("an old one")
    assert told(world.doctor("off"), escrow), "a copy that is old opens nothing"
    ours = [each for each in found if each.question == "ways" and each.good is None]
    assert ["is this machine itself" in each.text for each in ours] == [True]
    assert [each.text for each in found if each.subject == "off: clock"] == ["agrees with ours"]
    assert [each for each in found if each.subject == "off: address" and re.fullmatch(r"sftp answers in \d+ ms", each.text)]


def test_a_store_that_only_takes_is_told_as_one(world: Broken) -> None:
    with RestServer("--append-only") as server:
        user, password = server.environment.values()
        world.write(world.root / "user", password)
        environment = {"RESTIC_REST_USERNAME": user, "RESTIC_REST_PASSWORD": f"file:{world.root}/user"}
        repository(world, "off", restic=server.address("drtool/off"), environment=environment, prune="0 5 * * 0")
        world.policy["drills"] = {}
        (world.root / "state").rename(world.root / "state.before")
        world.app().initialise(["off"])
        case = Case("", "repositories", "append-only", lambda _: None, as_printed)
        (named,) = told(world.doctor("off"), case)
        assert "take `prune:` out of off" in named.remedy
        del world.policy["repositories"]["off"]["prune"]
        found = world.doctor("off")
        assert told(found, case) == []
        assert [each.good for each in found if "append-only" in each.text] == [True]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_sandbox_that_is_too_small_is_told(world: Broken) -> None:
    with full_disk("1m") as disk:
        sandbox(world, disk / "lab")
        case = Case("", "sandboxes", "are poured into it", lambda _: None, as_printed)
        (finding,) = told(world.doctor("proof"), case)
        assert finding.good is False
        assert "2.0 MiB are poured into it" in finding.text
        assert "name a larger place: sandboxes: {lab: {here: {directory: …}}}" in finding.remedy
        sandbox(world, world.other / "lab")
        assert told(world.doctor("proof"), case) == []


def test_without_a_sandbox_status_sends_nobody_to_drill(world: Broken, capsys: pytest.CaptureFixture[str]) -> None:
    no_drills(world)
    world.app()
    main(["status"])
    said = capsys.readouterr().out
    assert "never proven" in said
    assert "drtool drill" not in said
    assert "next: drtool doctor" in said


def test_every_question_is_of_one_kind() -> None:
    names = [question.name for question in QUESTIONS]
    assert len(set(names)) == len(names)
    assert {case.question for case in CASES} <= set(names)
