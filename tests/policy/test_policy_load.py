from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from drtool.model.errors import PolicyError, PolicyProblem
from drtool.model.policy import CopyPolicy, Policy, Retention
from drtool.model.secret import SecretReference
from drtool.policy.load import load
from tests.policy.small_kinds import GOOD, KINDS, UNTOUCHABLE


def read(directory: Path, text: str | bytes) -> Policy:
    file = directory / "p.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load((str(file),), KINDS)


def mistakes(directory: Path, text: str | bytes) -> tuple[PolicyProblem, ...]:
    with pytest.raises(PolicyError) as caught:
        read(directory, text)
    return caught.value.problems


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_everything_is_filled_in(tmp_path: Path) -> None:
    policy = read(tmp_path, GOOD)
    near, offsite = policy.repositories["near"], policy.repositories["offsite"]
    assert near.site == "home"
    assert offsite.site == "cloud"
    assert near.seen_from["pi"].location == "sftp:drtool@nas.example.org:/srv/backup/drtool"
    assert near.seen_from["pi"].password == SecretReference("file", "/etc/drtool/near.key")
    assert near.upload_limit == 20 * 2**20
    assert near.timeout == timedelta(seconds=60)
    assert offsite.timeout == timedelta(minutes=2)
    assert offsite.address.environment == {
        "AWS_ACCESS_KEY_ID": SecretReference("credential", "id"),
        "AWS_SECRET_ACCESS_KEY": SecretReference("env", "S3_KEY"),
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    assert policy.sources["pi"].site == "shed"
    assert policy.sources["billing"].kind == "stream"
    documents, base = policy.sets["documents"], policy.sets["base"]
    assert documents.keep == Retention(last=3, daily=14, weekly=8, verified=3)
    assert documents.copies == (CopyPolicy("offsite", Retention(daily=14, weekly=8, yearly=2, verified=3)),)
    assert base.copies == (CopyPolicy("offsite", Retention(last=3, daily=14, verified=3)),)
    assert documents.objectives.rpo == timedelta(hours=24)
    assert documents.objectives.rto == timedelta(minutes=90)
    assert [entry.allow_empty for entry in documents.protect] == [True, False]
    assert documents.protect[0].selector == {"paths": ["/home", "/etc"], "exclude": ["*.tmp"], "exclude_caches": False, "canary": False}
    assert [(check.name, check.of) for check in documents.checks] == [
        ("files 1", "here:/home"),
        ("command 1", ""),
        ("files 2", "billing"),
    ]
    assert documents.checks[0].settings == {"at_least": 1000}
    assert documents.hooks.after[0].on_failure == "continue"
    assert documents.hooks.before[0].timeout == timedelta(seconds=60)
    assert policy.sandboxes["lab"].lease == timedelta(hours=2)
    assert set(policy.sandboxes["lab"].places) == {"here", "pi", "billing"}
    assert policy.drills["monthly"].repository == "offsite"
    assert policy.drills["near-by"].repository == "near"


TEN_MISTAKES = """\
drtool: 1
name: homelab
repositories:
  near:
    restic: backup/drtool
    pasword: file:/etc/drtool/near.key
    password: hunter2
    upload_limit: 20
sources:
  here: {files: {}}
sets:
  documents:
    protect:
      - hree: {paths: [/home]}
    to: naer
    keep: {dayly: 3, weekly: 8}
    schedule: "* * * *"
    time_zone: Europe/Berlln
    objectives: {rpo: 24 hours}
"""


def test_ten_mistakes_are_ten_errors_with_line_and_column(tmp_path: Path) -> None:
    problems = mistakes(tmp_path, TEN_MISTAKES)
    assert [(problem.place.line, problem.place.column, problem.field) for problem in problems] == [
        (5, 13, "repositories.near.restic"),
        (6, 5, "repositories.near.pasword"),
        (7, 15, "repositories.near.password"),
        (8, 19, "repositories.near.upload_limit"),
        (14, 9, "sets.documents.protect[0].hree"),
        (15, 9, "sets.documents.to"),
        (16, 12, "sets.documents.keep.dayly"),
        (17, 15, "sets.documents.schedule"),
        (18, 16, "sets.documents.time_zone"),
        (19, 23, "sets.documents.objectives.rpo"),
    ]
    hints = {problem.field: problem.hint for problem in problems}
    assert hints["repositories.near.pasword"] == "did you mean `password`?"
    assert hints["sets.documents.protect[0].hree"] == "did you mean `here`?"
    assert hints["sets.documents.to"] == "did you mean `near`?"
    assert hints["sets.documents.keep.dayly"] == "did you mean `daily`?"
    assert hints["sets.documents.time_zone"] == "did you mean `Europe/Berlin`?"
    assert "hunter2" not in "".join(map(str, problems))


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("drtool: 1", "drtool: 2", "drtool", "must be 1"),
        ("drtool: 1\n", "", "drtool", "`drtool` is missing"),
        ("name: homelab", "name: home lab", "name", "this is not a name"),
        ("  near-by:", "  near by:", "drills.near by", "this is not a name"),
        ("    nice: true", "    nice: yes", "sets.documents.nice", "must be true or false"),
        ("    nice: true", "    niec: true", "sets.documents.niec", "unknown key `niec`"),
        ("20MiB", "20M", "repositories.near.upload_limit", "`20M` is not a size"),
        ("20MiB", "0MiB", "repositories.near.upload_limit", "more than nothing"),
        ("timeout: 2m", "timeout: 2", "repositories.offsite.timeout", "needs a unit"),
        ("timeout: 2m", "timeout: 2y", "repositories.offsite.timeout", "`2y` is not a duration"),
        ("lease: 2h", "lease: 0h", "sandboxes.lab.lease", "longer than nothing"),
        ('prune: "0 5 * * 0"', 'prune: "0 5 30 2 *"', "repositories.near.prune", "never comes"),
        ('prune: "0 5 * * 0"', 'prune: "@reboot"', "repositories.near.prune", "is not a schedule"),
        ('prune: "0 5 * * 0"', 'prune: "H 5 * * 0"', "repositories.near.prune", "random or hashed"),
        ('prune: "0 5 * * 0"', 'prune: "0 5 * * 0 30"', "repositories.near.prune", "this has 6"),
        ("Europe/Berlin", "../etc", "sets.documents.time_zone", "is not a time zone"),
        ("needs: [base]", "needs: [bass]", "sets.documents.needs[0]", "there is no set `bass`"),
        ("    sets: [documents]", "    sets: [document]", "drills.monthly.sets[0]", "there is no set `document`"),
        ("from: near", "from: naer", "drills.near-by.from", "there is no repository `naer`"),
        ("    from: near\n    sandbox: lab", "    from: near\n    sandbox: lap", "drills.near-by.sandbox", "no sandbox `lap`"),
        ("on: here, timeout", "on: her, timeout", "sets.documents.before[0].on", "there is no source `her`"),
        ("copies: {offsite:", "copies: {offside:", "sets.documents.copies.offside", "there is no repository `offside`"),
        ("copies: {offsite:", "copies: {near:", "sets.documents.copies.near", "copied to it too"),
        ("    nice: true", "    to: offsite", "sets.documents.copies.offsite", "copied to it too"),
        ("keep: {weekly: 8}", "keep: {last: 0, daily: 0}", "sets.documents.keep", "this keeps nothing"),
        ("    billing: {}\n", "", "drills.monthly.sets[0]", "needs a place for source `billing`"),
        ("    billing: {}\n", "    billng: {}\n", "sandboxes.lab.billng", "there is no source `billng`"),
        ("{in: ", "{on: ", "sets.documents.checks[0].files.on", "unknown key `on`"),
        ('in: "here:/home"', 'in: "pi:/home"', "sets.documents.checks[0].files.in", "protects no `pi:/home`"),
        ("- files: {of: billing}", "- flies: {}", "sets.documents.checks[2].flies", "unknown kind of check"),
        ("allow_empty: true", "allow_empty: 1", "sets.documents.protect[0].here.allow_empty", "must be true or false"),
        ("allow_empty: true", "allow_emtpy: true", "sets.documents.protect[0].here.allow_emtpy", "unknown key"),
        ("      - billing:\n", "      - {billing: , here: {paths: [/x]}}\n", "sets.documents.protect[1]", "this has 2"),
        ("here: {files: {}}", "here: {fils: {}}", "sources.here.fils", "unknown key `fils`"),
        ("here: {files: {}}", "here: {files: {}, stream: {command: [a]}}", "sources.here.stream", "a source has one kind"),
        ("here: {files: {}}", "here: {}", "sources.here", "one key names the kind"),
        ("[pg_dump, -Fc, billing]", "pg_dump", "sources.billing.stream.command", "must be a list"),
        ("[pg_dump, -Fc, billing]", "[a], environment: {PGPASSWORD: x}", "sources.billing.stream.environment.PGPASSWORD", "names a"),
        ("paths: [/home, /etc]", "paths: [/home, etc]", "sets.documents.protect[0].here.paths[1]", "absolute"),
        ("    here: {directory: /var", "    here: {directory: var", "sandboxes.lab.here.directory", "absolute"),
        ("file:/etc/drtool/near.key", "file:near.key", "repositories.near.password", "absolute"),
        ("env:S3_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCY", "repositories.offsite.environment.AWS_SECRET_ACCESS_KEY", "names a secret"),
        ("eu-west-1", "AKIAIOSFODNN7EXAMPLE", "repositories.offsite.environment.AWS_DEFAULT_REGION", "looks like a secret"),
        ("https://s3.example.org", "https://a:b@s3.example.org", "repositories.offsite.restic", "looks like a secret"),
        ("restic: s3:https", "restic: ftp:https", "repositories.offsite.restic", "kind `ftp`"),
        ("restic: /srv/backup/drtool", "restic: srv/backup", "repositories.near.restic", "absolute"),
        ("    seen_from:\n      pi:", "    seen_from:\n      here:", "sets.base.protect[0].pi", "another machine"),
        ("      pi: {restic", "      pii: {restic", "repositories.near.seen_from.pii", "there is no source `pii`"),
        ("name: homelab", "name: homelab\nname: other", "name", "written twice: first at"),
        ("  base:\n", "  base: {}\n  documents: {}\n  base:\n", "sets.base", "written twice"),
        ("name: homelab", "name: !secret homelab", "name", "tags"),
        ("  to: near\n", "", "sets.base.to", "`to` is missing"),
    ],
)
def test_each_rule(tmp_path: Path, old: str, new: str, field: str, message: str) -> None:
    problems = mistakes(tmp_path, changed(old, new))
    found = [problem for problem in problems if problem.field == field and message in problem.message]
    assert found, "\n".join(map(str, problems))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("name: a\n\tb: 1\n", 2, 1, "a tab"),
        ("name: a: b\n", 1, 8, "a colon"),
        ("name: [a\n", 2, 1, "this is not YAML"),
        ("name: a\n---\nname: b\n", 2, 1, "a second document"),
        ("name: *x\n", 1, 7, "undefined alias"),
        ("- a\n", 1, 1, "a policy is a mapping"),
        ("name: &x [*x]\n", 1, 1, "an alias contains itself"),
        ("[" * 5000, 1, 1, "nests too deep"),
        (b"name: a\nsite: caf\xe9\n", 2, 10, "not UTF-8"),
        (b"name: a\x01\n", 1, 8, "this is not YAML"),
        ("? [a]\n: b\n", 1, 3, "a key must be plain text"),
    ],
)
def test_what_is_no_yaml(tmp_path: Path, text: str | bytes, line: int, column: int, message: str) -> None:
    found = [problem for problem in mistakes(tmp_path, text) if message in problem.message]
    assert [(problem.place.line, problem.place.column) for problem in found] == [(line, column)], found


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "unfolds" in mistakes(tmp_path, "\n".join(lines))[0].message


def test_sets_that_need_each_other(tmp_path: Path) -> None:
    text = changed("  base:\n    protect:", "  base:\n    needs: [documents]\n    protect:")
    (problem,) = mistakes(tmp_path, text)
    assert "→" in problem.message
    assert problem.field.endswith(".needs[0]")


def test_two_stores_with_other_credentials_cannot_copy(tmp_path: Path) -> None:
    third = (
        "  third:\n    restic: s3:https://s3.example.net/x\n    password: env:P\n"
        "    environment: {AWS_ACCESS_KEY_ID: env:A, AWS_SECRET_ACCESS_KEY: env:B}\nsources:\n"
    )
    text = changed("sources:\n", third).replace("    nice: true", "    to: third").replace("from: near", "from: offsite")
    (problem,) = mistakes(tmp_path, text)
    assert "different credentials" in problem.message
    same = text.replace("env:A, AWS_SECRET_ACCESS_KEY: env:B", "credential:id, AWS_SECRET_ACCESS_KEY: env:S3_KEY")
    assert read(tmp_path, same).sets["documents"].to == "third"


@pytest.mark.parametrize(
    ("variable", "field", "message"),
    [
        ("RCLONE_CONFIG: file:/etc/rclone.conf", "RCLONE_CONFIG", "is the path of a file"),
        ("RCLONE_CONFIG: rclone.conf", "RCLONE_CONFIG", "is the path of a file"),
        ("GOOGLE_APPLICATION_CREDENTIALS: credential:google", "GOOGLE_APPLICATION_CREDENTIALS", "is the path of a file"),
        ("RCLONE_CONFIG_CLOUD_PASS: hunter2", "RCLONE_CONFIG_CLOUD_PASS", "names a secret"),
        ("RESTIC_REST_PASS: hunter2", "RESTIC_REST_PASS", "names a secret"),
        ("AZURE_ACCOUNT_SAS: hunter2", "AZURE_ACCOUNT_SAS", "names a secret"),
        ("RCLONE_CONFIG_CLOUD_SAS_URL: hunter2", "RCLONE_CONFIG_CLOUD_SAS_URL", "names a secret"),
        ("STORE_PASSWD: hunter2", "STORE_PASSWD", "names a secret"),
        ("MYSQL_PWD: hunter2", "MYSQL_PWD", "names a secret"),
    ],
)
def test_what_is_a_path_and_what_a_secret(tmp_path: Path, variable: str, field: str, message: str) -> None:
    """rclone prints what it takes for the name of its configuration."""
    (problem,) = mistakes(tmp_path, changed("AWS_SECRET_ACCESS_KEY: env:S3_KEY", f"AWS_SECRET_ACCESS_KEY: env:S3_KEY, {variable}"))
    assert problem.field == f"repositories.offsite.environment.{field}"
    assert message in problem.message


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("RESTIC_REST_PASWORD", "RESTIC_REST_PASSWORD"),
        ("AWS_SECRET_ACESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("b2_account_key", "B2_ACCOUNT_KEY"),
        ("AWS_STS_REGIONAL_ENDPOINTS", None),
        ("RCLONE_CONFIG_CLOUD_TYPE", None),
        ("AWS_SESSION_TOKEN", None),
        ("AWS_ACCESS_KEY", None),
        ("OS_USER_DOMAIN", None),
        ("https_proxy", None),
    ],
)
def test_a_slip_in_a_name_that_nothing_reads_is_told(tmp_path: Path, variable: str, meant: str | None) -> None:
    given = changed("AWS_SECRET_ACCESS_KEY: env:S3_KEY", f"AWS_SECRET_ACCESS_KEY: env:S3_KEY, {variable}: env:X")
    if meant is None:
        read(tmp_path, given)
        return
    (problem,) = mistakes(tmp_path, given)
    assert problem.field == f"repositories.offsite.environment.{variable}"
    assert problem.hint == f"did you mean `{meant}`?"


def test_a_password_in_an_address_is_not_shown_again(tmp_path: Path) -> None:
    problems = mistakes(tmp_path, changed("restic: s3:https://", "restic: s3:https://key:s3cret@"))
    assert any("in clear" in problem.message for problem in problems)
    assert not any("s3cret" in f"{problem.message} {problem.hint}" for problem in problems)


def test_several_files_are_one_policy(tmp_path: Path) -> None:
    head, tail = GOOD.split("sets:\n", 1)
    (tmp_path / "a.yaml").write_text(head)
    (tmp_path / "b.yml").write_text("drtool: 1\nsets:\n" + tail)
    (tmp_path / "note.txt").write_text("{")
    (tmp_path / ".c.yaml").write_text("{")
    whole = load((str(tmp_path),), KINDS)
    assert set(whole.sets) == {"base", "documents"}
    (tmp_path / "c.yaml").write_text("sets:\n  base: {}\nname: other\n")
    with pytest.raises(PolicyError) as caught:
        load((str(tmp_path), str(tmp_path / "a.yaml")), KINDS)
    messages = [str(problem) for problem in caught.value.problems]
    assert len(messages) == 2
    assert f"{tmp_path}/c.yaml:2:3" in messages[0]
    assert f"first at {tmp_path}/b.yml:3:3" in messages[0]
    assert f"first at {tmp_path}/a.yaml:2:1" in messages[1]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(PolicyError) as caught:
            load((str(path),), KINDS)
        assert caught.value.problems[0].place.file == str(path)
    with pytest.raises(PolicyError):
        load((), KINDS)


def test_the_cache_knows_a_policy_again(tmp_path: Path) -> None:
    file, cache = tmp_path / "p.yaml", tmp_path / "state" / "cache"
    file.write_text(GOOD)
    fresh = load((str(file),), KINDS, cache_directory=str(cache))
    assert load((str(file),), UNTOUCHABLE, cache_directory=str(cache)) == fresh
    (kept,) = cache.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert cache.stat().st_mode & 0o777 == 0o700
    body = kept.read_bytes()
    for damaged in (b"", b"{}", body[:-10], body.replace(b"homelab", b"homelob"), b"\xff\n{}"):
        kept.write_bytes(damaged)
        assert load((str(file),), KINDS, cache_directory=str(cache)) == fresh
    kept.chmod(0o666)
    with pytest.raises(AssertionError):
        load((str(file),), UNTOUCHABLE, cache_directory=str(cache))
    file.write_text(GOOD + "# another\n")
    with pytest.raises(AssertionError):
        load((str(file),), UNTOUCHABLE, cache_directory=str(cache))
    assert load((str(file),), KINDS, cache_directory="/proc/nowhere") == fresh


def test_the_cache_spares_the_heavy_imports(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(GOOD)
    load((str(file),), KINDS, cache_directory=str(tmp_path))
    program = (
        "import sys; from drtool.policy.load import load; from drtool.policy.kinds import Kinds; none = lambda: {};"
        f"load(({str(file)!r},), Kinds(none, none, none, none, none), cache_directory={str(tmp_path)!r});"
        "sys.exit(any(name in sys.modules for name in ('pydantic', 'ruamel', 'ruamel.yaml', 'croniter')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])


_WORDS = st.sampled_from(
    re.findall(
        r"\w+",
        "drtool name site repositories sources defaults sets sandboxes drills restic password environment seen_from prune verify "
        "keep to copies protect here files stream near needs schedule checks before run on in of lab lease from daily objectives rpo",
    )
)
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | _WORDS | st.sampled_from(["0 5 * * *", "s3:x"])
_ANYTHING = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=4), max_leaves=25
)
_SECTIONS = st.sampled_from(["repositories", "sources", "defaults", "sets", "sandboxes", "drills"])
_NAMED = st.dictionaries(_WORDS, st.dictionaries(_WORDS, _ANYTHING, max_size=5) | _ANYTHING, max_size=3)
_SHAPED = st.dictionaries(_SECTIONS, _NAMED | _ANYTHING)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=_SHAPED | st.dictionaries(_WORDS, _ANYTHING))
def test_any_mapping_is_a_policy_or_a_policy_error(tmp_path: Path, data: dict[str, object]) -> None:
    file = tmp_path / "any.yaml"
    with file.open("wb") as stream:
        YAML(typ="safe", pure=True).dump(data, stream)
    with pytest.raises(PolicyError) as caught:
        load((str(file),), KINDS)
    assert caught.value.problems
    assert all(problem.message for problem in caught.value.problems)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60) | st.text(alphabet="a:-[]{}&*!|>'\"#%@`?,\n\t 0x~<", max_size=40).map(str.encode))
def test_any_bytes_are_a_policy_error(tmp_path: Path, data: bytes) -> None:
    assert mistakes(tmp_path, data)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(0, GOOD.count("\n") - 1), value=_LEAVES | st.text(alphabet="0123456789*/-,@HRLW#?", max_size=12))
def test_one_spoilt_line_never_crashes(tmp_path: Path, line: int, value: object) -> None:
    lines = GOOD.splitlines()
    key, colon, _ = lines[line].partition(": ")
    lines[line] = f"{key}{colon or ': '}{value!r}"
    try:
        read(tmp_path, "\n".join(lines).encode("utf-8", "replace"))
    except PolicyError as error:
        assert error.problems  # noqa: PT017 - a policy is as good an answer
