"""A first policy says what was answered, whatever was typed, or is refused; never something else."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drtool.app.kinds import KINDS
from drtool.model.answers import KEPT, Answers, Datasets, Folders, Place
from drtool.model.errors import PolicyError
from drtool.model.policy import Policy
from drtool.policy.compose import compose, kept_by, quoted
from drtool.policy.load import load, read_text
from drtool.policy.read import read

NEAR = Place("/srv/backup", "file:/etc/drtool/near.key")
FAR = Place("rest:https://backup.example.org/home", "env:KEY", {"RESTIC_REST_USERNAME": "env:U", "RESTIC_REST_PASSWORD": "env:P"})
SIMPLE = Answers("homelab", Folders(("/home", "/etc")), NEAR, FAR, "30 */12 * * *", kept_by(KEPT)[0], sandbox="/var/lib/drtool/sandbox")
NAS = Datasets(
    ("tank/photos", "tank/a b"), "wss://nas.example.org/api/current", "drtool", "file:/etc/drtool/nas.key", "/etc/drtool/nas.pem"
)
KINDS_OF_ANSWERS = {
    "here": SIMPLE,
    "near alone": replace(SIMPLE, offsite=None),
    "far alone": replace(SIMPLE, near=None),
    "no drill": replace(SIMPLE, sandbox=""),
    "elsewhere": replace(SIMPLE, protect=Folders(("/home",), "me@there"), near=replace(NEAR, seen_from="sftp:me@here:/srv/backup")),
    "nas": replace(SIMPLE, protect=NAS),
    "a folder away": replace(SIMPLE, offsite=Place("/media/disk", "file:/k")),
    "a folder beside": replace(SIMPLE, offsite=Place("/srv/copy", "file:/k", shared_with="the near copy")),
}
TEXT = st.text(max_size=40) | st.text(st.sampled_from("- :#\"'{}[]&*!|>%@`,?\\\n\t\x1b\x85\u2028\ufeffé漢😀~=0n"), max_size=20)
PATHS = TEXT.filter(lambda text: "\0" not in text and ".." not in text.split("/")).map(lambda text: f"/{text}")


def policy_of(answers: Answers) -> Policy:
    return read_text(compose(answers), KINDS)


def policy_or_none(answers: Answers) -> Policy | None:
    """Nothing where it is refused; what is refused stays one value, and makes no other YAML of the whole."""
    try:
        return policy_of(answers)
    except PolicyError as error:
        torn = [problem for problem in error.problems if "YAML" in problem.message]
    assert torn == []
    return None


def normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


@example("null")
@example("-x")
@example("1e5")
@example("1d")
@example("0x1f")
@example("no")
@example("12:30:45")
@given(TEXT)
def test_a_scalar_is_read_as_it_was_written(text: str) -> None:
    scalar = quoted(text)
    for body, expected in ((f"key: {scalar}\n", text), (f"key: {{{scalar}: [{scalar}]}}\n", {text: [text]})):
        document = read("file", body.encode())
        assert document.problems == []
        assert document.data == {"key": expected}


@example(["/ x", "/-rf", "/a: b", "/\"#'", "/\U0001f600", "/- x", "/a\nb"])
@given(st.lists(PATHS, min_size=1, max_size=4))
def test_whatever_a_folder_is_called_it_is_protected(paths: list[str]) -> None:
    policy = policy_of(replace(SIMPLE, protect=Folders(tuple(paths))))
    (protect,) = policy.sets["documents"].protect
    assert protect.selector["paths"] == [normal(path) for path in paths]


@given(TEXT, st.sampled_from(["name", "rpo", "rto", "schedule", "sandbox"]))
def test_what_is_no_answer_is_refused_and_never_something_else(text: str, field: str) -> None:
    changed: dict[str, Any] = {field: text}
    answers = replace(SIMPLE, **changed)
    policy = policy_or_none(answers)
    if policy is None:
        return
    said = {"name": policy.name, "schedule": policy.sets["documents"].schedule}
    assert said.get(field, text) in (text, text.strip())
    assert set(policy.sets) == {"documents"}
    assert set(policy.repositories) == {"near", "offsite"}


@given(PATHS, TEXT)
def test_places_are_what_was_typed_or_refused(path: str, name: str) -> None:
    answers = replace(SIMPLE, near=Place(path, f"file:{path}"), offsite=replace(FAR, environment={"RESTIC_CACERT": path, name: "env:X"}))
    policy = policy_or_none(answers)
    if policy is None:
        return
    assert policy.repositories["near"].address.location == path
    assert policy.repositories["near"].address.password.value == path


@pytest.mark.parametrize("answers", KINDS_OF_ANSWERS.values(), ids=KINDS_OF_ANSWERS)
def test_every_kind_of_answer_makes_a_policy(answers: Answers, tmp_path: Path) -> None:
    text = compose(answers)
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    policy = load((str(path),), KINDS)
    assert policy == policy_of(answers)
    (backup_set,) = policy.sets.values()
    assert backup_set.to == answers.first
    assert list(policy.repositories) == list(answers.places)
    assert [copy.repository for copy in backup_set.copies] == [name for name in answers.places if name != answers.first]
    assert bool(policy.drills) is bool(answers.sandbox)
    assert [drill.repository for drill in policy.drills.values()] == [answers.farthest] * bool(answers.sandbox)
    comments = [line for line in text.splitlines() if "#" in line]
    assert len(comments) >= 10
    assert [line for line in comments if len(line) > 80] == []


def test_what_belongs_to_a_kind() -> None:
    nas = policy_of(KINDS_OF_ANSWERS["nas"])
    assert [each.selector["dataset"] for each in nas.sets["datasets"].protect] == ["tank/photos", "tank/a b"]
    assert nas.sources["nas"].settings["ca"] == "/etc/drtool/nas.pem"
    elsewhere = policy_of(KINDS_OF_ANSWERS["elsewhere"])
    assert elsewhere.sources["there"].settings["ssh"] == "me@there"
    assert elsewhere.repositories["near"].seen_from["there"].location == "sftp:me@here:/srv/backup"
    here = policy_of(SIMPLE)
    assert here.repositories["offsite"].site == "away"
    assert here.repositories["near"].site == "home"
    assert {name: str(value) for name, value in here.repositories["offsite"].address.environment.items()} == dict(FAR.environment)


@pytest.mark.parametrize("answers", KINDS_OF_ANSWERS.values(), ids=KINDS_OF_ANSWERS)
def test_every_copy_is_read_again_in_slices(answers: Answers) -> None:
    policy = policy_of(answers)
    assert [place.verify.schedule if place.verify else None for place in policy.repositories.values()] == ["0 6 * * *"] * len(
        answers.places
    )


def test_the_comment_on_verified_says_what_retention_counts() -> None:
    comment = next(line for line in compose(SIMPLE).splitlines() if "`verified`" in line)
    assert "re-read" in comment, "a point may be verified and never drilled"


@pytest.mark.parametrize(
    ("typed", "rules"),
    [
        ("last: 3, daily: 14", {"last": 3, "daily": 14}),
        ("within: 30d", {"within": "30d"}),
        ("daily: 9.5", {"daily": 9.5}),
        ("last: 3}, x: {y", None),
        ("last: 3, last: 4", None),
    ],
)
def test_rules_are_read_as_a_policy_reads_them(typed: str, rules: dict[str, Any] | None) -> None:
    found, wrong = kept_by(typed)
    assert bool(wrong) is (rules is None)
    assert rules is None or found == rules


@pytest.mark.parametrize(
    "typed", ["daily: 9.5", "daily: yes", "daily: true", "daily: [1]", "daily: {a: 1}", "dayly: 3", "last: 0", "", "14"]
)
def test_rules_that_keep_nothing_are_refused(typed: str) -> None:
    with pytest.raises(PolicyError):
        policy_of(replace(SIMPLE, keep=kept_by(typed)[0]))
