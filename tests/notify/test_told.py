"""What a whole run tells, by the program itself: green, red, again, to servers that answer and to ones that do not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drtool.app import telling
from drtool.app.opening import open_policy
from drtool.catalog.attempts import AttemptBook
from drtool.catalog.told import HeardBook
from drtool.engine.lock import sets_held
from drtool.model.attempt import Task
from drtool.model.errors import Refused
from tests.notify.notifier_servers import Web, web_server
from tests.rig.cheap_key import make_cheap
from tests.rig.timed_host import Host

SECRET = "s3cr3t-of-the-check"


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


@pytest.fixture
def host(tmp_path: Path, home: Path, restic_newest: Path, web: Web) -> Host:
    made = Host(tmp_path / "host", restic_newest)
    (made.root / "ping").write_text(f"{web.address}/ping/{SECRET}/{{set}}\n")
    (made.root / "ping").chmod(0o600)
    (made.root / "metrics").mkdir()
    made.policy["notify"] = [
        {"healthchecks": {"url": f"file:{made.root}/ping"}},
        {"webhook": {"url": f"{web.address}/hook"}},
        {"metrics": {"directory": str(made.root / "metrics")}},
    ]
    made.done("init")
    make_cheap(made.root / "near", "secret")
    return made


def pings(web: Web) -> list[str]:
    return [each.path.partition("?")[0].removeprefix(f"/ping/{SECRET}") for each in web.asked if each.path.startswith("/ping")]


def hooks(web: Web) -> list[tuple[str, str]]:
    told = [json.loads(each.body) for each in web.asked if each.path == "/hook"]
    return [(each["subject"], each["outcome"]) for each in told]


def number(host: Host, name: str) -> float:
    lines = (host.root / "metrics" / "drtool-timed.prom").read_text().splitlines()
    (value,) = [float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")]
    return value


def test_green_is_a_ping_red_is_told_to_all_and_green_again_is_told_once(host: Host, web: Web) -> None:
    host.done("run")
    assert pings(web) == ["/docs/start", "/docs", "/rpo"]
    assert hooks(web) == [], "nobody asked to hear of what is well"
    assert number(host, "drtool_job_last_status") == 2
    web.asked.clear()

    host.documents["before"] = [host.hook("stop", then="exit 1")]
    red = host.call("run")
    assert red.returncode == 6
    assert pings(web) == ["/docs/start", "/docs/fail", "/rpo"]
    assert hooks(web) == [("docs", "refused")]
    assert number(host, "drtool_job_last_status") == 0
    assert "exit" in next(json.loads(each.body)["text"] for each in web.asked if each.path == "/hook")
    web.asked.clear()

    host.documents["before"] = []
    for _run in range(2):
        host.done("run")
    assert hooks(web) == [("docs", "succeeded")]
    assert number(host, "drtool_job_last_status") == 2
    assert SECRET not in red.stdout + red.stderr
    kept = [path for folder in ("state", "metrics") for path in (host.root / folder).rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


def test_a_quarantine_is_no_success_until_somebody_has_looked(host: Host, web: Web) -> None:
    host.documents["protect"] = [{"here": {"paths": [str(host.root / "data"), str(host.root / "usb")]}}]
    (host.root / "usb").mkdir()
    (host.root / "usb" / "photo").write_text("a face")
    host.done("run")
    (host.root / "usb" / "photo").unlink()
    for _run in range(2):
        web.asked.clear()
        ran = host.call("run")
        assert ran.returncode == 3, ran.stdout + ran.stderr
        assert pings(web) == ["/docs/start", "/docs/fail", "/rpo"]
        assert hooks(web) == [("docs", "partial")]
        (told,) = [json.loads(each.body) for each in web.asked if each.path == "/hook"]
        assert "nothing of it is forgotten until you have looked" in told["text"]
        assert f"{host.root}/usb: 0 files where 1 were" in told["text"]
        assert told["next"].startswith("drtool diff ")
        assert f"next: {told['next']};" in ran.stdout + ran.stderr
        assert number(host, "drtool_job_last_status") == 1
    host.done("diff", *told["next"].split()[2:])
    (hold,) = json.loads(host.done("hold", "list", "--json"))["holds"]
    host.done("hold", "release", hold["id"])
    web.asked.clear()
    host.done("run")
    assert pings(web) == ["/docs/start", "/docs", "/rpo"]
    assert hooks(web) == [("docs", "succeeded")], "that it is well again is told"


def test_by_one_address_a_failed_run_is_never_followed_by_a_success(host: Host, web: Web) -> None:
    (host.root / "ping").write_text(f"{web.address}/ping/{SECRET}\n")
    host.done("run")
    assert pings(web) == ["/start", "", ""]
    web.asked.clear()
    host.documents["before"] = [host.hook("stop", then="exit 1")]
    assert host.call("run").returncode == 6
    assert pings(web) == ["/start", "/fail", "/log"], "that every set keeps its RPO is true, and no success"
    web.asked.clear()
    host.documents["before"] = []
    host.done("run")
    assert pings(web) == ["/start", "", ""]


def test_an_idle_call_tells_nobody(host: Host, web: Web) -> None:
    host.done("run", "--due")
    web.asked.clear()
    host.idle()
    assert web.asked == []


def test_nobody_who_is_told_changes_how_it_ends(host: Host, web: Web) -> None:
    web.answers = [(404, {})]
    (host.root / "metrics").rmdir()
    ended = host.call("run", "--json")
    assert ended.returncode == 0
    told = [note for note in json.loads(ended.stdout)["notes"] if note.startswith("not told: ")]
    assert [note.split(":")[1].strip() for note in told] == ["healthchecks 1", "metrics 1"]
    assert SECRET not in ended.stdout + ended.stderr
    quiet = host.call("run", "--quiet")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert [line.partition(":")[0] for line in quiet.stderr.splitlines()] == ["not told", "not told"]
    doctor = host.call("doctor")
    assert "notify healthchecks 1" in doctor.stdout
    assert "there is no folder" in doctor.stdout
    assert doctor.returncode == 1


def test_what_ended_is_told_where_nobody_can_say_how_the_rest_stands(host: Host, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_runtime: object, **_more: object) -> None:
        raise Refused("nobody can look", hint="look")

    host.done("run")
    web.asked.clear()
    monkeypatch.setattr(telling, "status", cannot)
    app = open_policy(str(host.root / "policy.yaml"), state_directory=str(host.root / "state"), binary=str(host.restic))
    report = app.run()
    assert report.outcome == "succeeded"
    assert report.notes[-1] == "not told: how all sets stand: nobody can look"
    assert pings(web) == ["/docs/start", "/docs"]


def test_what_ends_before_there_is_a_plan_is_told_too(host: Host, web: Web) -> None:
    host.done("run", "--due")
    host.forget()
    (host.root / "near.key").write_text("wrong\n")
    web.asked.clear()
    assert host.call("run", "--due").returncode != 0
    assert "/docs/fail" in pings(web)


@pytest.mark.parametrize("verb", ["run", "drill"])
def test_a_timers_call_that_gets_nowhere_tells_it(host: Host, web: Web, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host.done("run", "--due")
    host.forget()
    web.asked.clear()
    (host.root / "state").chmod(0o777)
    monkeypatch.setenv("INVOCATION_ID", "this-call")
    assert host.call(verb, "--due").returncode == 6
    assert [outcome for _subject, outcome in hooks(web)] == ["refused"]
    (host.root / "state").chmod(0o700)
    assert HeardBook(str(host.root / "state"), by="timed").is_marked("this-call")


def test_a_lock_that_another_holds_is_no_alarm_and_no_attempt_and_a_broken_promise_is_told(host: Host, web: Web) -> None:
    web.asked.clear()
    with sets_held(str(host.root / "state"), ("docs",)):
        assert host.call("run", "--due").returncode == 11
    assert "/docs/log" in pings(web)
    assert "/docs/fail" not in pings(web)
    assert "/rpo/fail" in pings(web), "no point yet: that nobody can make one now does not hide it"
    assert Task("run", "docs") not in AttemptBook(str(host.root / "state"), by="timed").load()


def test_how_many_are_unprotected_is_told_as_of_the_last_look(host: Host) -> None:
    entry = {"source": "here", "reason": "perhaps nobody answers here", "until": "2999-01-01"}
    host.policy["inventory"] = {"exclude": [{"workload": what, **entry} for what in ("docker", "podman", "databases")]}
    host.done("inventory")
    host.done("run")
    assert number(host, "drtool_unprotected_assets") >= 1, "the root of this machine at least"
    assert number(host, "drtool_inventory_timestamp_seconds") > 0


def test_numbers_are_taken_by_the_program_that_reads_them(host: Host) -> None:
    host.done("run")
    text = (host.root / "metrics" / "drtool-timed.prom").read_bytes()
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr.decode()) == (0, "")
    assert (host.root / "metrics" / "drtool-timed.prom").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in (host.root / "metrics").iterdir()] == ["drtool-timed.prom"]


def test_everybody_can_be_tried_and_nothing_is_changed_by_it(host: Host, web: Web) -> None:
    before = sorted(path for path in (host.root / "state").rglob("*") if path.is_file())
    told = host.call("notify", "test")
    assert told.returncode == 0, told.stderr
    assert pings(web) == ["/rpo/log"], "log leaves a check as it stands"
    (hook,) = [json.loads(each.body) for each in web.asked if each.path == "/hook"]
    assert (hook["kind"], hook["subject"], hook["outcome"]) == ("test", "rpo", "")
    assert not list((host.root / "metrics").iterdir()), "there are no numbers to write"
    assert "takes numbers only" in told.stdout
    assert SECRET not in told.stdout + told.stderr
    assert sorted(path for path in (host.root / "state").rglob("*") if path.is_file()) == before
    web.asked.clear()

    web.answers = [(403, {})]
    refused = host.call("notify", "test", "webhook", "--json")
    assert refused.returncode == 1
    (finding,) = json.loads(refused.stdout)["findings"]
    assert (finding["subject"], finding["good"], finding["text"]) == ("notify webhook 1", False, "webhook 1: it says 403")
    assert [each.path for each in web.asked] == ["/hook"]


def test_whoever_is_not_there_cannot_be_tried(host: Host, web: Web) -> None:
    unknown = host.call("notify", "test", "email")
    assert "there are: healthchecks 1, webhook 1, metrics 1" in unknown.stderr
    host.policy["notify"] = []
    assert "names nobody who is told" in host.call("notify", "test").stderr
    assert web.asked == []
