"""What a bare machine tells a person to type next: it works when it is pasted, and it needs no policy."""

from __future__ import annotations

import importlib

import pytest

from drtool.cli.bare_words import BareWords, bare_words
from drtool.cli.main import VERBS
from drtool.cli.options import Options
from drtool.cli.saying import told_people

WORDS = BareWords("/srv/backup", ("--repository", "/srv/backup", "--password-file", "/root/my key"))
TYPED = "--repository /srv/backup --password-file '/root/my key'"
SFTP = BareWords("sftp:pi:/srv", ("--repository", "sftp:pi:/srv", "--password-file", "/k"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drtool points documents", f"drtool points {TYPED} documents"),
        ("to take it back: drtool restore --undo 01JD", f"to take it back: drtool restore --undo 01JD {TYPED}"),
        ("every step: drtool report 01JD", f"every step: drtool report {TYPED} 01JD"),
        ("`drtool points documents` shows them", f"`drtool points {TYPED} documents` shows them"),
        ("drtool evidence list", f"drtool evidence list {TYPED}"),
        ("drtool plan restore", f"drtool plan restore {TYPED}"),
        ("drtool drill documents", f"drtool restore {TYPED} documents --to directory PATH"),
        ("what is kept aside stays until `drtool sweep --kept`.", "what is kept aside stays until you remove it by hand."),
        ("what was kept aside goes only with `drtool sweep --kept`", "what was kept aside stays until you remove it by hand"),
        ("/srv.before-P (until drtool sweep --kept)", "/srv.before-P (until you remove it by hand)"),
        (
            "remove what is no longer needed: drtool sweep --kept",
            "remove what is no longer needed: on a machine with the policy: drtool sweep --kept",
        ),
        ("`drtool sweep` names it", f"`drtool sweep {TYPED}` names it"),
        ("drtool adopt --leftovers box, then drtool sweep", f"drtool adopt {TYPED} --leftovers box, then drtool sweep {TYPED}"),
        ("drtool verify near", "on a machine with the policy: drtool verify near"),
        ("drtool adopt lists the machines there are", "--machine and one of these machines takes its points"),
        ("if it is gone, `drtool adopt M2` takes them over", "if it is gone, --machine M2 takes them over"),
        ("drtool adopt", "--machine MACHINE"),
        ("the repository repository does not answer", "the repository /srv/backup does not answer"),
        ("choose an older point, or drtool doctor", "choose an older point, or the same again"),
        ("look at /usr/local/drtool run", "look at /usr/local/drtool run"),
        ("drtool schema", "drtool schema"),
        ("drtool was here", "drtool was here"),
    ],
)
def test_a_sentence_leads_somewhere(text: str, said: str) -> None:
    assert WORDS.said(text) == said
    assert WORDS.said(WORDS.said(text)) == said, "what a program of ours said already is said once"


def test_doctor_alone_is_said_by_what_it_would_look_at() -> None:
    for text in (
        "drtool doctor repository",
        "check the network and the server, then: drtool doctor repository",
        "        next: drtool doctor repository.  Trying again is harmless.        exit 1",
    ):
        assert "--ssh-config FILE" in SFTP.said(text)
        assert "--ssh-config" not in WORDS.said(text)
        assert "doctor" not in WORDS.said(text)


def test_no_secret_is_repeated() -> None:
    options = Options(repository="rest:https://me:hidden@host/x", password_file="/k", machine="m1")
    said = bare_words(options, place="rest:https://me:hidden@host/x").said("drtool points: the repository repository is shut")
    assert "hidden" not in said
    assert "--machine m1" in said


def test_whose_points_were_taken_is_said_where_others_are_there() -> None:
    assert WORDS.choosing("m2").said("drtool restore --undo R") == f"drtool restore --undo R {TYPED} --machine m2"
    assert WORDS.choosing("") is WORDS
    typed = BareWords("/r", ("--machine", "m1"))
    assert typed.choosing("m2") is typed


def test_no_verb_is_named_that_takes_no_repository() -> None:
    for verb, (module, _text) in VERBS.items():
        command = importlib.import_module(f"drtool.cli.{module}").command
        takes = any("--repository" in parameter.opts for parameter in command.params)
        said = WORDS.said(f"next: drtool {verb}")
        if f"drtool {verb}" in said and not takes and verb not in {"schema", "lab", "completion", "validate"}:
            assert said.startswith("next: on a machine with the policy: ") or hasattr(command, "commands"), said


def test_json_says_the_same() -> None:
    value = {"sets": [{"next": "drtool drill a", "name": "drtool drill a", "attention": ["the repository repository is shut"]}]}
    (entry,) = told_people(value, WORDS.said)["sets"]
    assert entry["next"].startswith("drtool restore ")
    assert (entry["name"], entry["attention"]) == ("drtool drill a", ["the repository /srv/backup is shut"])
