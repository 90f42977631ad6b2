"""A first policy at a terminal: every question, what is refused there, and whoever gives up on the way."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from drtool.app.opening import open_policy
from drtool.cli.render.words import width
from tests.cli.test_new import SECRET, Newcomer, newcomer
from tests.rig.conversation import Conversation, conversation

__all__ = ["newcomer"]


def talk(newcomer: Newcomer, *arguments: str) -> AbstractContextManager[Conversation]:
    return conversation(newcomer.arguments("new", *arguments), environment=newcomer.environment(), directory=newcomer.directory)


def questions(newcomer: Newcomer) -> list[tuple[str, str]]:
    """Every question of the plainest policy, and an answer."""
    return [
        ("called?", "homelab"),
        ("to be protected?", "1"),
        ("Which folders?", str(newcomer.data)),
        ("(an empty line ends them)", ""),
        ("near copy lie?", f"{newcomer.directory}/near"),
        ("its key?", f"file:{newcomer.directory}/near.key"),
        ("off-site copy lie", f"{newcomer.directory}/away"),
        ("its key?", f"file:{newcomer.directory}/offsite.key"),
        ("(RPO)?", ""),
        ("(RTO)?", ""),
        ("points are kept", ""),
        ("drill restore to", ""),
    ]


def test_questions_and_answers(newcomer: Newcomer) -> None:
    with talk(newcomer) as person:
        for question, answer in questions(newcomer):
            person.answer(question, answer)
        person.wait_for("next:")
        assert person.ended() == 0
    policy = open_policy(str(newcomer.policy)).policy
    assert policy.sets["documents"].protect[0].selector["paths"] == [str(newcomer.data)]
    assert policy.drills["monthly"].repository == "offsite"


def test_only_what_no_option_says_is_asked(newcomer: Newcomer) -> None:
    with talk(newcomer, *newcomer.without("--near"), "--rpo", "1h", "--no-check") as person:
        person.answer("near copy lie?", "nothing")
        # ... and then --near-key is about something that is not there
        person.answer("(RTO)?")
        person.answer("points are kept", "last: 2")
        person.answer("drill restore to", "nothing")
        assert person.ended() == 2
        assert "--near-key is about something" in " ".join(person.shown.split())
        assert "called?" not in person.shown
        assert "(RPO)?" not in person.shown


def test_what_is_refused_is_asked_again(newcomer: Newcomer) -> None:
    with talk(newcomer) as person:
        person.answer("called?", "home lab")
        person.answer("this is not a name", "homelab")
        person.answer("to be protected?", "4")
        person.answer("type one of 1, 2, 3", "")
        person.answer("Which folders?", "")
        person.answer("Which folders?", "data")
        person.answer("absolute path", "\x1b[D/home")
        person.answer("arrow key", str(newcomer.data))
        person.answer("(an empty line ends them)", "here")
        person.answer("absolute path", "/etc")
        person.answer("(an empty line ends them)", "")
        person.answer("near copy lie?", "nothing")
        person.answer("off-site copy lie", "nothing")
        person.answer("none at all", "rest:https://backup.example.org/home")
        person.answer("its key?", SECRET)
        person.answer("what was typed stands on this screen", "env:OFFSITE_KEY")
        person.answer("RESTIC_REST_USERNAME: where", "env:REST_USER")
        person.answer("RESTIC_REST_PASSWORD: where", "nothing")
        person.answer("both or neither", SECRET)
        person.answer("must be a reference", "env:REST_PASSWORD")
        person.answer("(RPO)?", "soon")
        person.answer("durations are written", "4h")
        person.answer("(RTO)?", "1h")
        person.answer("points are kept", "last: 0")
        person.answer("keeps nothing", "last: 5")
        person.answer("drill restore to", "nothing")
        person.wait_for("next:")
        assert person.ended() == 0
        assert person.shown.count(SECRET) == 2, "as often as the terminal itself echoed it"
    text = newcomer.policy.read_text()
    assert SECRET not in text
    policy = open_policy(str(newcomer.policy)).policy
    assert policy.sets["documents"].protect[0].selector["paths"] == [str(newcomer.data), "/etc"]
    assert policy.sets["documents"].schedule == "30 */2 * * *"
    assert set(policy.repositories["offsite"].address.environment) == {"RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"}


def test_another_machine_is_asked_how_it_sees_this_one(newcomer: Newcomer) -> None:
    with talk(newcomer, "--name", "pi", "--rpo", "24h", "--rto", "1h", "--keep", "last: 3", "--sandbox", "nothing", "-n") as person:
        person.answer("to be protected?", "2")
        person.answer("Which machine?", "me@pi")
        person.answer("Which folders?", "/home")
        person.answer("(an empty line ends them)", "")
        person.answer("near copy lie?", "/srv/backup")
        person.answer("its key?", "")
        person.answer("How does the other machine reach", "sftp:me@here:/srv/backup")
        person.answer("off-site copy lie", "nothing")
        assert person.ended() == 0
        assert 'seen_from: {there: {restic: "sftp:me@here:/srv/backup"}}' in person.shown


def test_a_nas_is_asked_for(newcomer: Newcomer) -> None:
    near = ("--near", "/srv/b", "--near-key", "env:NEAR", "--offsite", "nothing")
    with talk(newcomer, *near, "--name", "nas", "--sandbox", "nothing", "-n") as person:
        person.answer("to be protected?", "3")
        person.answer("does the NAS answer?", "https://nas.example.org")
        person.answer("wss://", "wss://nas.example.org")
        person.answer("drtool's own?", "")
        person.answer("API key", SECRET)
        person.answer("stands on this screen", "env:NAS")
        person.answer("certificate", "")
        person.answer("Which datasets?", "tank/photos")
        person.answer("(an empty line ends them)", "")
        for _usual in ("(RPO)?", "(RTO)?", "points are kept"):
            person.answer(_usual, "")
        assert person.ended() == 0
        assert "- nas: {dataset: tank/photos, recursive: true}" in person.shown


def test_what_somebody_wrote_there_meanwhile_stays(newcomer: Newcomer) -> None:
    others = newcomer.directory / "own.yaml"
    with talk(newcomer, *newcomer.answers, "--output", str(others), "--rpo", "1h", "--rto", "1h", "--keep", "last: 3") as person:
        person.wait_for("drill restore to")
        others.write_text("another's")
        person.answer("", "nothing")
        assert person.ended() == 6
        assert "is there already" in person.shown
    assert others.read_text() == "another's"
    assert [path.name for path in newcomer.directory.glob("*.yaml*")] == ["own.yaml"]


NUMBER = 12


@pytest.mark.parametrize("number", range(NUMBER))
@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D", "kill"])
def test_who_gives_up_leaves_nothing_behind(newcomer: Newcomer, number: int, how: str) -> None:
    before = newcomer.things()
    asked = questions(newcomer)
    assert len(asked) == NUMBER
    with talk(newcomer) as person:
        for question, answer in asked[:number]:
            person.answer(question, answer)
        person.wait_for(asked[number][0])
        person.wait_for("\n> ")
        if how == "kill":
            person.kill()
        else:
            person.press("\x03" if how == "Ctrl-C" else "\x04")
        code = person.ended()
        assert code == (-9 if how == "kill" else 130)
        assert "Traceback" not in person.shown
    assert newcomer.things() == before


@pytest.fixture
def short(home: Path, restic_newest: Path) -> Iterator[Newcomer]:
    """Somebody whose folders have short names, so that no path alone is wider than a terminal."""
    directory = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))
    try:
        yield Newcomer(directory, restic_newest)
    finally:
        shutil.rmtree(directory)


def test_no_word_is_broken_at_the_edge_of_the_terminal(short: Newcomer) -> None:
    with talk(short) as person:
        asked = questions(short)
        person.answer("called?", "a b")
        person.answer("this is not a name", "homelab")
        for question, answer in asked[1:7]:
            person.answer(question, answer)
        person.answer("its key?", SECRET)
        person.answer("stands on this screen", asked[7][1])
        for question, answer in asked[8:]:
            person.answer(question, answer)
        person.wait_for("next:")
        assert person.ended() == 0
    wide = [line for line in person.shown.splitlines() if width(line) > 80 and re.search(r"\S +\S", line)]
    assert wide == []
