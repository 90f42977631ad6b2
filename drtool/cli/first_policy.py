"""Which questions a first policy is made of; what an answer may be is the policy's own matter."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any, Final

from drtool.cli.first_places import holder_of, misplaced, shared_with, unprotectable
from drtool.cli.questions import AnswerError, Asker, Question, refusal
from drtool.model.answers import KEPT, Answers, Datasets, Folders, Place
from drtool.model.errors import PolicyError
from drtool.model.location import LOGINS
from drtool.model.quantity import parse_duration
from drtool.planning.rhythm import schedule_for

NOTHING: Final = "nothing"
_OF_A_NAS: Final = ("--truenas", "--truenas-user", "--truenas-key", "--truenas-ca", "--dataset")
_OF_FOLDERS: Final = ("--path", "--ssh")
_BEGUN: Final = Answers(
    name="new",
    protect=Folders(("/",)),
    near=None,
    offsite=Place("rest:https://new.example.org/", "file:/new.key"),
    schedule="@daily",
    keep={"last": 1},
)
"""What nobody has answered yet, so that what is wrong is wrong with the last answer."""
_WHERE_KEYS: Final = "A reference, never the key itself: file:/path, env:NAME or credential:name"


def problems(answers: Answers) -> tuple[str, ...]:
    """Return what the policy's own reader says is wrong with what was answered."""
    from drtool.app.kinds import KINDS  # noqa: PLC0415 - heavy
    from drtool.policy.compose import compose  # noqa: PLC0415
    from drtool.policy.load import read_text  # noqa: PLC0415

    try:
        read_text(compose(answers), KINDS)
    except PolicyError as error:
        said = (f"{problem.message} ({problem.hint})" if problem.hint else problem.message for problem in error.problems)
        return tuple(dict.fromkeys(said))
    return ()


def answered(asker: Asker[Answers], *, private: str, sandbox: str) -> Answers:
    """Ask for a first policy, and return it as it was answered.

    Args:
        asker: who asks, by options or at a terminal.
        private: the folder where keys lie unless somebody says otherwise.
        sandbox: where drills restore to unless somebody says otherwise.
    """
    words = "What is this policy called? The name labels everything that is made: letters, digits, dots and hyphens."
    draft = asker.ask(_BEGUN, Question("--name", words, offered=_host_name()), lambda before, text: replace(before, name=text))
    draft = _protected(asker, draft, private)
    draft = _place(
        asker, draft, "near", "Where does the near copy lie? A folder, best on another disk than the data; or: nothing.", private
    )
    words = "Where does the off-site copy lie, the one that survives this place? An address as restic has it: "
    words += "sftp:user@host:/path, s3:https://host/bucket, rest:https://host:8000/path, rclone:remote:path, or a folder"
    draft = _place(asker, draft, "offsite", f"{words}." if draft.near is None else f"{words}; or: {NOTHING}.", private)
    draft = _promises(asker, draft, sandbox)
    if asker.unasked:
        raise refusal(f"{asker.unasked[0]} is about something that this policy does not have: leave it out")
    return draft


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", os.uname().nodename.partition(".")[0]).lstrip("._-")


def _protected(asker: Asker[Answers], draft: Answers, private: str) -> Answers:
    of_a_nas, of_folders = ([name for name in names if name in asker.given] for names in (_OF_A_NAS, _OF_FOLDERS))
    if of_a_nas and of_folders:
        raise refusal(f"{of_folders[0]} and {of_a_nas[0]} are of two sources: begin with one, and add the other to the policy then")
    kind = 2 if of_a_nas else 1 if "--ssh" in asker.given else 0
    if not of_a_nas and not of_folders and asker.is_terminal:
        choices = ("folders of this machine", "folders of another machine, by SSH", "datasets of a TrueNAS")
        kind = asker.choose("What is to be protected?", choices)
    if kind == 2:  # noqa: PLR2004 - the third choice
        return _datasets(asker, draft, private)
    ssh = ""
    if kind == 1:
        words = "Which machine? user@host, or a name of your ssh_config; restic must be there, and the key of ssh without a passphrase."
        draft = asker.ask(draft, Question("--ssh", words), lambda before, text: replace(before, protect=Folders(("/",), text)))
        ssh = draft.protect.ssh if isinstance(draft.protect, Folders) else ""

    def protect(before: Answers, paths: tuple[str, ...]) -> Answers:
        if not ssh and (why := unprotectable(paths[-1])):
            raise AnswerError(why)
        return replace(before, protect=Folders(paths, ssh))

    words = "Which folders? One a line, each by its whole path."
    return asker.ask_each(draft, Question("--path", words), protect)


def _datasets(asker: Asker[Answers], draft: Answers, private: str) -> Answers:
    def put(before: Answers, **changed: Any) -> Answers:  # noqa: ANN401 - each by its name
        known = before.protect if isinstance(before.protect, Datasets) else Datasets(("new",), "wss://new.example.org/", "new", "env:NEW")
        return replace(before, protect=replace(known, **changed))

    words = "At which address does the NAS answer? wss://nas.example.org/api/current"
    draft = asker.ask(draft, Question("--truenas", words), lambda before, text: put(before, url=text))
    words = "Which user of the NAS is drtool's own?"
    draft = asker.ask(draft, Question("--truenas-user", words, default="drtool"), lambda before, text: put(before, user=text))
    key = f"file:{private}/{draft.name}-nas.key"
    words = f"Where is the API key of that user? {_WHERE_KEYS}."
    draft = asker.ask(draft, Question("--truenas-key", words, default=key, secret=True), lambda before, text: put(before, key=text))
    words = "Where is the certificate that the NAS is known by, or that of who signed it? The path of a PEM file; or: nothing."
    question = Question("--truenas-ca", words, default=NOTHING)
    draft = asker.ask(draft, question, lambda before, text: put(before, ca="" if text == NOTHING else text))
    words = "Which datasets? One a line, such as tank/photos; what lies below them is protected, too."
    return asker.ask_each(draft, Question("--dataset", words), lambda before, names: put(before, names=names))


def _with(draft: Answers, which: str, place: Place | None) -> Answers:
    return replace(draft, near=place) if which == "near" else replace(draft, offsite=place)


def _place(asker: Asker[Answers], draft: Answers, which: str, words: str, private: str) -> Answers:
    reference = f"file:{private}/{draft.name}-{which}.key"
    is_first = which == "near" or draft.near is None
    is_elsewhere = isinstance(draft.protect, Folders) and bool(draft.protect.ssh)

    def put(before: Answers, text: str) -> Answers:
        if text == NOTHING and which == "offsite" and before.near is None:
            raise AnswerError("there is no near copy: without this one there is none at all")
        if text == NOTHING:
            return _with(before, which, None)
        if why := misplaced(before, which, text):
            raise AnswerError(f"{why}: name another folder")
        seen_from = "sftp:new.example.org:/new" if is_elsewhere and is_first and text.startswith("/") else ""
        shared = shared_with(before, text) if which == "offsite" else ""
        return _with(before, which, Place(text, reference, _logins_of(before, text), seen_from, shared))

    draft = asker.ask(draft, Question(f"--{which}", words), put)
    place = draft.places.get(which)
    if place is None or f"--{which}" in asker.missing:
        return draft
    words = f"Where is its key? {_WHERE_KEYS}. A file that is not there yet is made by `drtool init`."
    question = Question(f"--{which}-key", words, default=reference, secret=True)
    draft = asker.ask(draft, question, lambda before, text: _with(before, which, replace(before.places[which], password=text)))
    draft = _environment(asker, draft, which)
    if place.seen_from:
        words = f"How does the other machine reach {place.restic}, which is on this one? sftp:user@this-machine:{place.restic}"
        question = Question("--seen-from", words)
        draft = asker.ask(draft, question, lambda before, text: _with(before, which, replace(before.places[which], seen_from=text)))
    return draft


def _scheme(address: str) -> str:
    return address.partition(":")[0]


def _logins_of(draft: Answers, address: str) -> dict[str, str]:
    """Return who enters a store as long as nobody has said: by the same as in another of its kind, as restic has one login for both."""
    if draft.near is not None and _scheme(draft.near.restic) == _scheme(address):
        return dict(draft.near.environment)
    return dict.fromkeys(LOGINS.get(_scheme(address), ()), "env:NEW")


def _environment(asker: Asker[Answers], draft: Answers, which: str) -> Answers:
    option = f"--{which}-environment"
    given = asker.each_of(option)
    place = draft.places[which]
    if given or not asker.is_terminal:
        pairs = [each.partition("=") for each in given]
        if not all(name and equals for name, equals, _value in pairs):
            raise refusal(f"{option}: write NAME=REFERENCE, such as AWS_ACCESS_KEY_ID=file:/etc/drtool/s3.id")
        environment = {name: value for name, _equals, value in pairs}
        return asker.require(_with(draft, which, replace(place, environment=environment)), option)
    for number, name in enumerate(LOGINS.get(_scheme(place.restic), ())):

        def put(before: Answers, text: str, name: str = name, number: int = number) -> Answers:
            known = before.places[which].environment
            others = {} if number == 0 and text == NOTHING else {each: value for each, value in known.items() if each != name}
            new = {} if text == NOTHING else {name: text}
            return _with(before, which, replace(before.places[which], environment={**others, **new}))

        words = f"{name}: where is it? {_WHERE_KEYS}; or: {NOTHING}."
        draft = asker.ask(draft, Question("", words, secret=True), put)
        if not draft.places[which].environment:
            break
    return draft


def _promises(asker: Asker[Answers], draft: Answers, sandbox: str) -> Answers:
    def may_be_lost(before: Answers, text: str) -> Answers:
        try:
            return replace(before, rpo=text, schedule=schedule_for(parse_duration(text)))
        except ValueError:  # what is wrong with it the policy says itself
            return replace(before, rpo=text)

    words = "How much, in time, may be lost at most (RPO)? 1h, 24h, 7d."
    draft = asker.ask(draft, Question("--rpo", words, default="24h"), may_be_lost)
    words = "How long may it take until everything is back (RTO)?"
    draft = asker.ask(draft, Question("--rto", words, default="1h"), lambda before, text: replace(before, rto=text))
    draft = asker.ask(draft, Question("--keep", "Which points are kept, by how many of each?", default=KEPT), _kept)
    if "--schedule" in asker.given:
        draft = asker.ask(draft, Question("--schedule", ""), lambda before, text: replace(before, schedule=text))
    is_elsewhere = isinstance(draft.protect, Folders) and bool(draft.protect.ssh)
    usual = NOTHING if is_elsewhere else sandbox  # of another machine's folders nothing is known

    def restore_to(before: Answers, text: str) -> Answers:
        holder = "" if text == NOTHING or not text.startswith("/") else holder_of(before, text, own=usual)
        if holder:
            raise AnswerError(f"{text} lies in {holder}: name a folder outside of everything that is protected and stored, or: {NOTHING}")
        return replace(before, sandbox="" if text == NOTHING else text)

    where = "A folder over there" if is_elsewhere else "A folder"
    words = f"Where may a monthly drill restore to, to prove that everything comes back? {where} with room for all of it; or: {NOTHING}."
    return asker.ask(draft, Question("--sandbox", words, default=usual), restore_to)


def _kept(before: Answers, text: str) -> Answers:
    from drtool.policy.compose import kept_by  # noqa: PLC0415

    rules, wrong = kept_by(text)
    if wrong:
        raise AnswerError(f"{wrong[0]} (as in {KEPT})")
    return replace(before, keep=rules)
