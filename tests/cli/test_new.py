"""A first policy by options: what it says, what is refused, and that it then really backs up and restores."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from drtool.app.opening import open_policy
from drtool.cli.main import main
from tests.rig.program import called

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-Zx81!"


@dataclass(frozen=True)
class Called:
    """How a call ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Newcomer:
    """Somebody with data, two empty disks and no policy."""

    directory: Path
    restic: Path

    def __post_init__(self) -> None:
        (self.directory / "my data: all").mkdir(exist_ok=True)
        (self.directory / "my data: all" / "letter.txt").write_text("dear")

    @property
    def data(self) -> Path:
        return self.directory / "my data: all"

    @property
    def policy(self) -> Path:
        return self.directory / "policies" / "homelab.yaml"

    @property
    def answers(self) -> list[str]:
        """Every answer that has no usual one, and keys that are not the system's."""
        pairs = {"--name": "homelab", "--path": self.data, "--near": self.directory / "near", "--offsite": self.directory / "away"}
        keys = {f"--{which}-key": f"file:{self.directory}/keys/{which}.key" for which in ("near", "offsite")}
        return [str(word) for pair in {**pairs, **keys}.items() for word in pair]

    def without(self, *options: str) -> list[str]:
        pairs = zip(self.answers[::2], self.answers[1::2], strict=True)
        return [word for pair in pairs if pair[0] not in options for word in pair]

    def arguments(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "drtool.cli.main", *arguments, "--restic", str(self.restic)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def call(self, *arguments: str) -> Called:
        """Call the program in here, with nobody at a terminal."""
        words = (io.StringIO(), io.StringIO())
        with contextlib.chdir(self.directory), contextlib.redirect_stdout(words[0]), contextlib.redirect_stderr(words[1]):
            code = main([*arguments, "--restic", str(self.restic)])
        return Called(code, words[0].getvalue(), words[1].getvalue())

    def done(self, *arguments: str) -> str:
        called = self.call(*arguments)
        assert called.code == 0, called.out + called.err
        return called.out + called.err

    def run(self, *arguments: str) -> str:
        """Call the program as it is installed."""
        ran = called(
            [*arguments, "--restic", str(self.restic)],
            stdin=subprocess.DEVNULL,
            env=self.environment(),
            cwd=self.directory,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def things(self) -> set[str]:
        """Everything there is, but for what the interpreter keeps."""
        return {str(path) for path in self.directory.rglob("*")}


@pytest.fixture
def newcomer(tmp_path: Path, home: Path, restic_newest: Path) -> Newcomer:
    return Newcomer(tmp_path, restic_newest)


def test_from_nothing_to_a_restore(newcomer: Newcomer) -> None:
    made = newcomer.run("new", *newcomer.answers)
    assert "homelab: 1 set, 1 source, 2 repositories, 1 drill ✔" in made
    assert "drtool init near" in made, "doctor says what is still to do"
    following = [line.strip() for line in made.partition("\nnext:\n")[2].splitlines() if line.startswith("  drtool ")]
    assert [line.split()[1] for line in following] == ["init", "run", "schedule"]
    assert all("--policy" not in line for line in following), "policies/ is found by itself"
    assert stat.S_IMODE(newcomer.policy.stat().st_mode) == 0o600
    assert stat.S_IMODE(newcomer.policy.parent.stat().st_mode) == 0o700
    assert not (newcomer.directory / "keys").exists(), "that is the business of init"
    assert "Recovery sheet of homelab" in newcomer.run("init")
    newcomer.run("run")
    (newcomer.data / "letter.txt").unlink()
    newcomer.run("restore", "documents", "--yes")
    assert (newcomer.data / "letter.txt").read_text() == "dear"
    newcomer.run("drill", "monthly")
    assert "never proven" not in newcomer.run("status")


def test_what_has_a_usual_answer_is_not_needed(newcomer: Newcomer) -> None:
    newcomer.done("new", *newcomer.answers, "--no-check")
    backup_set = open_policy(str(newcomer.policy)).policy.sets["documents"]
    assert (backup_set.objectives.rpo.total_seconds(), backup_set.objectives.rto.total_seconds()) == (86400, 3600)
    assert backup_set.schedule == "30 */12 * * *"
    assert backup_set.keep.daily == 14


def test_every_answer_is_an_option(newcomer: Newcomer) -> None:
    promises = ("--rpo", "2h", "--rto", "30m", "--keep", "last: 7, within: 30d", "--sandbox", "nothing", "--path", "/etc")
    newcomer.done("new", *newcomer.answers, *promises, "--schedule", "@hourly", "--output", "own.yaml", "--no-check")
    policy = open_policy(str(newcomer.directory / "own.yaml")).policy
    backup_set = policy.sets["documents"]
    assert (backup_set.objectives.rpo.total_seconds(), backup_set.objectives.rto.total_seconds()) == (7200, 1800)
    assert (backup_set.keep.last, backup_set.keep.daily) == (7, 0)
    assert backup_set.schedule == "@hourly"
    assert backup_set.protect[0].selector["paths"] == [str(newcomer.data), "/etc"]
    assert policy.drills == {}


def test_another_machine_and_a_nas(newcomer: Newcomer) -> None:
    seen = ("--ssh", "me@pi", "--seen-from", f"sftp:me@here:{newcomer.directory}/near", "--no-check", "--output", "pi.yaml")
    newcomer.done("new", *newcomer.answers, *seen)
    pi = open_policy(str(newcomer.directory / "pi.yaml")).policy
    assert pi.sources["there"].settings["ssh"] == "me@pi"
    assert pi.repositories["near"].seen_from["there"].location == f"sftp:me@here:{newcomer.directory}/near"
    nas = ("--truenas", "wss://nas.example.org", "--dataset", "tank/photos", "--dataset", "tank/a b", "--output", "nas.yaml", "--no-check")
    newcomer.done("new", *newcomer.without("--path"), *nas)
    policy = open_policy(str(newcomer.directory / "nas.yaml")).policy
    assert [each.selector["dataset"] for each in policy.sets["datasets"].protect] == ["tank/photos", "tank/a b"]
    assert policy.sources["nas"].settings["user"] == "drtool"


def test_a_login_is_told_by_reference(newcomer: Newcomer) -> None:
    logins = ("RESTIC_REST_USERNAME=me", "RESTIC_REST_PASSWORD=file:/etc/rest.key")
    words = [word for login in logins for word in ("--offsite-environment", login)]
    answers = [*newcomer.without("--offsite"), "--offsite", "rest:https://backup.example.org/home", "--output", "rest.yaml", "--no-check"]
    newcomer.done("new", *answers, *words)
    environment = open_policy(str(newcomer.directory / "rest.yaml")).policy.repositories["offsite"].address.environment
    assert {name: str(value) for name, value in environment.items()} == {
        "RESTIC_REST_USERNAME": "me",
        "RESTIC_REST_PASSWORD": "file:/etc/rest.key",
    }
    (newcomer.directory / "rest.yaml").unlink()
    half = newcomer.call("new", *answers, *words[:2])
    assert half.code == 2
    assert "a REST server wants both or neither" in " ".join(half.err.split())


def test_what_nobody_answers_is_named(newcomer: Newcomer) -> None:
    before = newcomer.things()
    refused = newcomer.call("new", "--rpo", "24h")
    assert refused.code == 2
    assert "these are not answered: --name, --path, --near, --offsite" in " ".join(refused.err.split())
    assert "--near-key" not in refused.err
    assert newcomer.things() == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--near-key", SECRET, "must be a reference to a secret, never the secret itself"),
        ("--offsite-key", SECRET, "file:/path"),
        ("--offsite", f"rest:https://me:{SECRET}@backup.example.org/x", "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"),
        ("--offsite", f"rest:https://me:a/{SECRET}@backup.example.org/x", "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"),
        ("--offsite", f"rest:me:{SECRET}@backup.example.org/x", "RESTIC_REST_USERNAME and RESTIC_REST_PASSWORD"),
        ("--offsite", f"sftp:me:{SECRET}@nas:/srv", "use keys of ssh"),
        ("--offsite", f"sftp://me:{SECRET}@nas//srv", "use keys of ssh"),
        ("--offsite", f"s3:https://key:{SECRET}@s3.example.org/bucket", "environment:"),
        ("--offsite-environment", f"RESTIC_REST_PASSWORD={SECRET}", "it must be a reference"),
        ("--offsite-environment", f"AWS_SECRET_ACCESS_KEY={SECRET}", "it must be a reference"),
        ("--near-environment", f"PASSWORD={SECRET}", "it must be a reference"),
        ("--offsite-environment", f"AZURE_ACCOUNT_SAS={SECRET}", "it must be a reference"),
        ("--ssh", f"me:{SECRET}@pi", "use keys of ssh"),
        ("--offsite", f"rclone::s3,secret_access_key={SECRET}:bucket", "name a remote of rclone's configuration"),
        ("--offsite", f"rclone:cloud,secret_access_key={SECRET}:bucket", "name a remote of rclone's configuration"),
        ("--offsite", f"s3:https://s3.example.org/bucket?sig={SECRET}", "no part of a repository's address"),
        ("--offsite", f"s3:s3.example.org/bucket?sig={SECRET}", "no part of a repository's address"),
        ("--offsite", f"rest:https://backup.example.org/x?token={SECRET}", "no part of a repository's address"),
        ("--offsite", f"azure:container:/x?sig={SECRET}", "no part of a repository's address"),
        ("--offsite", f"azure:container?sig={SECRET}", "no part of a repository's address"),
    ],
)
def test_a_secret_is_refused_and_repeated_nowhere(newcomer: Newcomer, option: str, value: str, said: str) -> None:
    before = newcomer.things()
    for more in ([], ["--dry-run"], ["--json"]):
        refused = newcomer.call("new", *newcomer.without(option), option, value, *more)
        assert refused.code == 2, refused.err
        assert said in " ".join(refused.err.split())
        assert option in refused.err
        assert SECRET not in refused.out + refused.err
    assert newcomer.things() == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--name", "home lab", "this is not a name"),
        ("--path", "data", "must be an absolute path"),
        ("--near", "backup", "must be absolute"),
        ("--offsite", "ftp://host/x", "not understood"),
        ("--rpo", "24", "durations are written"),
        ("--keep", "dayly: 3", "did you mean"),
        ("--schedule", "daily", "five fields"),
        ("--sandbox", "box", "must be an absolute path"),
        ("--ssh", "-oProxyCommand=x", "SSH destination"),
        ("--truenas-key", "file:/x", "are of two sources"),
        ("--seen-from", "sftp:a@b:/c", "this policy does not have"),
        ("--offsite-environment", "KEY", "NAME=REFERENCE"),
    ],
)
def test_what_the_policy_would_refuse_is_refused_in_its_words(newcomer: Newcomer, option: str, value: str, said: str) -> None:
    before = newcomer.things()
    refused = newcomer.call("new", *newcomer.without(option), option, value)
    assert refused.code == 2
    assert said in " ".join(refused.err.split())
    assert option in refused.err
    assert [line for line in refused.err.splitlines() if len(line) > 80] == []
    assert newcomer.things() == before


def test_one_place_twice_is_no_copy(newcomer: Newcomer) -> None:
    refused = newcomer.call("new", *newcomer.without("--offsite"), "--offsite", f"{newcomer.directory}/near/")
    assert refused.code == 2
    assert "two names for one repository are no copy" in " ".join(refused.err.split())
    refused = newcomer.call("new", *newcomer.without("--offsite", "--near"), "--offsite", "nothing", "--near", "nothing")
    assert refused.code == 2
    assert "without this one there is none at all" in " ".join(refused.err.split())


def test_a_folder_on_the_same_disk_is_no_off_site_copy(newcomer: Newcomer) -> None:
    said = " ".join(newcomer.done("new", *newcomer.answers, "--no-check").split())
    assert "offsite is no off-site copy: it lies on one file system with the near copy" in said
    assert "# no off-site copy" in newcomer.policy.read_text()
    assert open_policy(str(newcomer.policy)).policy.repositories["offsite"].site == "home"
    alone = ("--near", "nothing", "--no-check", "--output", "alone.yaml")
    assert f"one file system with {newcomer.data}" in " ".join(
        newcomer.done("new", *newcomer.without("--near", "--near-key"), *alone).split()
    )


def test_a_folder_on_another_disk_may_be_an_off_site_copy(newcomer: Newcomer) -> None:
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == newcomer.directory.stat().st_dev:
        pytest.skip("there is no second file system here")
    answers = [*newcomer.without("--offsite"), "--offsite", "/dev/shm/drtool/new/offsite", "--no-check"]
    assert "no off-site copy" not in newcomer.done("new", *answers)
    assert open_policy(str(newcomer.policy)).policy.repositories["offsite"].site == "away"


@pytest.mark.parametrize(
    ("place", "holder"), [("near/box", "the repository near"), ("away", "the repository offsite"), ("link/box", "all")]
)
def test_a_sandbox_lies_outside_of_what_is_protected_and_stored(newcomer: Newcomer, place: str, holder: str) -> None:
    (newcomer.directory / "link").symlink_to(newcomer.data)
    refused = newcomer.call("new", *newcomer.answers, "--sandbox", f"{newcomer.directory}/{place}", "--no-check")
    assert refused.code == 2
    assert f"{holder}: name a folder outside" in " ".join(refused.err.split())
    assert not newcomer.policy.exists()


@pytest.mark.parametrize(
    ("option", "place", "said"),
    [
        ("--near", "my data: all", "is this folder"),
        ("--near", "my data: all/../my data: all/", "is this folder"),
        ("--near", "link", "is this folder"),
        ("--near", "", "lies in it"),
        ("--offsite", "my data: all", "is this folder"),
        ("--offsite", "near/sub", "it lies in the near copy"),
        ("--offsite", "to near/sub", "it lies in the near copy"),
        ("--offsite", "to near", "two names for one repository are no copy"),
        ("--path", "link", "is a symbolic link: name the place it points to"),
        ("--path", "link/", "is a symbolic link"),
        ("--path", "dangling", "is a symbolic link"),
        ("--path", "gone", "there is no"),
        ("--path", "my data: all/letter.txt/x", "there is no"),
    ],
)
def test_a_place_that_a_run_would_not_take_is_refused_at_the_question(newcomer: Newcomer, option: str, place: str, said: str) -> None:
    (newcomer.directory / "link").symlink_to(newcomer.data)
    (newcomer.directory / "to near").symlink_to(newcomer.directory / "near")
    (newcomer.directory / "dangling").symlink_to("nowhere")
    before = newcomer.things()
    refused = newcomer.call("new", *newcomer.without(option), option, f"{newcomer.directory}/{place}", "--no-check")
    assert refused.code == 2, refused.err
    assert said in " ".join(refused.err.split())
    assert option in refused.err
    assert newcomer.things() == before


def test_the_near_copy_does_not_lie_below_what_is_stored_off_site(newcomer: Newcomer) -> None:
    outside = [
        *newcomer.without("--near", "--offsite"),
        "--near",
        f"{newcomer.directory}/away/near",
        "--offsite",
        f"{newcomer.directory}/away",
    ]
    refused = newcomer.call("new", *outside, "--no-check")
    assert refused.code == 2
    assert "lies in it: name another folder" in " ".join(refused.err.split())


def test_a_copy_inside_of_what_is_protected_is_left_out_of_its_points(newcomer: Newcomer) -> None:
    inside = [*newcomer.without("--near"), "--near", f"{newcomer.data}/near"]
    assert "it is left out of its points" in " ".join(newcomer.done("new", *inside, "--no-check").split())


def test_folders_of_another_machine_are_not_looked_for_on_this_one(newcomer: Newcomer) -> None:
    there = ("--ssh", "me@pi", "--seen-from", f"sftp:me@here:{newcomer.directory}/near", "--no-check")
    newcomer.done("new", *newcomer.without("--path"), "--path", "/only/there", "--path", f"{newcomer.directory}/near", *there)


def test_the_sandbox_of_another_machine_is_a_folder_there(newcomer: Newcomer) -> None:
    answers = [*newcomer.answers, "--ssh", "me@pi", "--seen-from", f"sftp:me@here:{newcomer.directory}/near", "--no-check"]
    refused = newcomer.call("new", *answers, "--sandbox", f"{newcomer.data}/box")
    assert refused.code == 2
    assert "--sandbox" in refused.err
    newcomer.done("new", *answers, "--output", "usual.yaml")
    assert open_policy(str(newcomer.directory / "usual.yaml")).policy.sandboxes == {}, "the state directory is one of this machine"
    newcomer.done("new", *answers, "--output", "said.yaml", "--sandbox", f"{newcomer.directory}/near/box")
    assert open_policy(str(newcomer.directory / "said.yaml")).policy.drills, "near is a folder of this machine"


def test_the_usual_sandbox_may_lie_below_what_is_protected(newcomer: Newcomer) -> None:
    newcomer.done("new", *newcomer.answers, "--state-directory", f"{newcomer.data}/state", "--no-check")
    assert open_policy(str(newcomer.policy)).policy.drills, "points leave it out"


def test_nothing_is_ever_written_over(newcomer: Newcomer) -> None:
    newcomer.done("new", *newcomer.answers, "--no-check")
    first = newcomer.policy.read_bytes()
    for more in ([], ["--name", "other"]):
        refused = newcomer.call("new", *newcomer.answers, *more)
        assert refused.code == 6
        assert "holds a policy already" in refused.err
        assert "drtool new --output FILE" in refused.err
    named = newcomer.call("new", *newcomer.answers, "--output", "policies/homelab.yaml")
    assert named.code == 6
    assert "drtool validate --policy policies/homelab.yaml" in named.err
    (newcomer.directory / "link.yaml").symlink_to("nowhere")
    assert newcomer.call("new", *newcomer.answers, "--output", "link.yaml").code == 6
    assert newcomer.policy.read_bytes() == first
    assert not (newcomer.directory / "nowhere").exists()
    assert [path.name for path in newcomer.policy.parent.iterdir()] == ["homelab.yaml"]


@pytest.mark.parametrize("way", ["a link", "$DRTOOL_POLICY", "a link to $DRTOOL_POLICY"])
def test_no_second_policy_comes_into_a_folder_that_is_read_as_one(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    is_named = "$" in way
    folder = newcomer.directory / ("mine" if is_named else "policies")
    newcomer.done("new", *newcomer.answers, "--no-check", "--output", str(folder / "homelab.yaml"))
    (newcomer.directory / "link").symlink_to(folder)
    if is_named:
        monkeypatch.setenv("DRTOOL_POLICY", str(folder))
    output = newcomer.directory / "link" / "other.yaml" if "link" in way else folder / "other.yaml"
    refused = newcomer.call("new", *newcomer.answers, "--no-check", "--output", str(output))
    assert refused.code == 6
    assert "holds a policy already" in refused.err
    assert [path.name for path in folder.iterdir()] == ["homelab.yaml"]
    assert newcomer.call("validate").code == 0


def test_a_file_that_is_named_is_read_alone(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    newcomer.done("new", *newcomer.answers, "--no-check", "--output", "mine/homelab.yaml")
    monkeypatch.setenv("DRTOOL_POLICY", str(newcomer.directory / "mine" / "homelab.yaml"))
    newcomer.done("new", *newcomer.answers, "--no-check", "--output", "mine/other.yaml")
    newcomer.done("validate")


def test_a_place_that_would_not_be_read_is_refused_first(newcomer: Newcomer) -> None:
    shared = newcomer.directory / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    refused = newcomer.call("new", *newcomer.answers, "--output", "shared/policy.yaml")
    assert refused.code == 6
    assert "chmod" in refused.err
    assert list(shared.iterdir()) == []
    missing = newcomer.call("new", *newcomer.answers, "--output", f"{newcomer.data}/letter.txt/policy.yaml")
    assert missing.code == 6
    assert "cannot be written" in missing.err


def test_a_dry_run_prints_the_policy_and_writes_nothing(newcomer: Newcomer) -> None:
    before = newcomer.things()
    shown = newcomer.call("new", *newcomer.answers, "-n")
    assert (shown.code, shown.err) == (0, "")
    assert newcomer.things() == before
    newcomer.done("new", *newcomer.answers, "--no-check")
    assert newcomer.policy.read_text() == shown.out
    again = newcomer.call("new", *newcomer.answers, "-n", "--json")
    written = json.loads(again.out)
    assert (written["format"], written["is_written"], written["text"]) == ("drtool.first-policy/1", False, shown.out)


def test_elsewhere_what_to_type_next_names_it(newcomer: Newcomer) -> None:
    document = json.loads(newcomer.call("new", *newcomer.answers, "--output", "own.yaml", "--json").out)
    assert document["is_written"] is True
    assert [finding["subject"] for finding in document["findings"]]
    path = newcomer.directory / "own.yaml"
    assert all(f"--policy {path}" in line and f"--restic {newcomer.restic}" in line for line in document["next"])
    assert newcomer.call("--policy", str(path), "new", *newcomer.answers).code == 2


def test_a_command_that_is_pasted_line_by_line_is_the_command_that_is_meant(newcomer: Newcomer) -> None:
    output, state = (newcomer.directory / f"a folder/{name} of {'which the name is long ' * 2}" for name in ("one", "other"))
    arguments = ("new", *newcomer.answers, "--output", f"{output}.yaml", "--state-directory", str(state))
    following = newcomer.call(*arguments, "--no-check").out.partition("\nnext:\n")[2].splitlines()
    shown = "\n".join(line for line in following if not line.startswith(" " * 6))  # which say what the commands do
    ran = subprocess.run(
        ["sh", "-c", f'drtool() {{ for word; do printf "%s\\n" "$word"; done; }}\n{shown}'],
        capture_output=True,
        text=True,
        check=False,
    )
    same = ["--policy", f"{output}.yaml", "--state-directory", str(state), "--restic", str(newcomer.restic)]
    lines = ran.stdout.splitlines()
    assert lines[: 1 + len(same)] == ["init", *same]
    assert [word for word in lines if word == "--policy"] == ["--policy"] * 3


def test_whose_restic_is_missing_has_his_policy_all_the_same(newcomer: Newcomer) -> None:
    made = replace(newcomer, restic=newcomer.directory / "no restic").done("new", *newcomer.answers)
    assert newcomer.policy.exists()
    assert "no restic" in " ".join(made.split()), "which stands on two lines where the path is long"
    assert "next:" in made
