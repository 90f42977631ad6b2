"""What `doctor` asks of the timers of this machine: is drtool called at all, and has what it is called with what the policy needs."""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from drtool.app.doctor.asking import Known, Part
from drtool.app.runtime import Runtime
from drtool.app.scheduling import InstalledTimers, installed_timers, usual_words
from drtool.openness import opening_of
from drtool.planning.schedule import every_task
from drtool.planning.timers import names_of
from drtool.ports import Finding

ENVIRONMENT_FILE: Final = "/etc/drtool/environment"
_SUBJECT: Final = "timer's environment"
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The path that systemd and cron give to what they start."""
_SET: Final = re.compile(r"^(?:export\s+)?([A-Za-z_]\w*)=(.*)$")
_NAMES: Final = re.compile(r'^Environment="?([A-Za-z_]\w*)=(.*?)"?$', re.MULTILINE)
_FILES: Final = re.compile(r"^EnvironmentFile=-?(.+)$", re.MULTILINE)
_CREDENTIAL: Final = re.compile(r"^LoadCredential(?:Encrypted)?=([^:\n]+):(.+)$", re.MULTILINE)
_CALLS: Final = re.compile(r"^(?:ExecStart=|.* root sleep \d+; )(.+)$", re.MULTILINE)
_USER: Final = re.compile(r"^User=(.+)$", re.MULTILINE)


def timers(known: Known) -> Iterable[Part]:
    """Ask whether this machine calls drtool by itself: a schedule in a policy wakes nobody."""
    if every_task(known.policy):
        yield Part("timers", partial(_called, known.policy.name))


def timer_environment(known: Known) -> Iterable[Part]:
    """Ask what the timers hand over: as which user, with which programs, credentials and variables, and which files they name."""
    for installed in installed_timers(known.policy.name):
        yield Part(_SUBJECT, partial(_environment, known.runtime, installed))


def _environment(runtime: Runtime, installed: InstalledTimers) -> list[Finding]:
    given = given_by(installed)
    found = [each for ask in (_files, _user, _variables, _credentials, _programs) for each in ask(runtime, given)]
    text = f"the timers in {installed.folder} hand over what the policy needs, as far as it can be seen"
    return found or [Finding(_SUBJECT, good=True, text=text)]


@dataclass(frozen=True, slots=True)
class Given:
    """What timers of one kind start drtool with; `variables` are by name, `paths` the files that told them."""

    installed: InstalledTimers
    texts: tuple[str, ...]
    variables: Mapping[str, str]
    paths: tuple[str, ...]

    @property
    def again(self) -> str:
        """How they are made anew."""
        return " ".join(("drtool schedule install", *self.installed.wish.options))

    @property
    def is_known(self) -> bool:
        """Whether nothing else gives variables: a user's own manager may have some of its own."""
        return not self.installed.wish.of_a_user


def given_by(installed: InstalledTimers) -> Given:
    """Read what installed timers say, with what a person added beside them (`UNIT.d/*.conf`, environment.d)."""
    texts = [*installed.texts.values()]
    texts += [_read(path) for unit in installed.texts for path in sorted(glob.glob(f"{glob.escape(unit)}.d/*.conf"))]
    variables = {name: value for text in texts for name, value in _NAMES.findall(text)}
    paths = tuple(dict.fromkeys(path.strip() for text in texts for path in _FILES.findall(text)))
    told = list(paths)
    if installed.wish.of_a_user:
        told += sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(os.path.dirname(installed.folder))), "environment.d", "*.conf")))
    texts_of_files = [_read(path) for path in told] + (texts if installed.wish.by_cron else [])
    for line in (line for text in texts_of_files for line in text.splitlines()):
        match = _SET.match(line.strip())
        if match is not None:
            variables[match[1]] = match[2].strip("\"'")
    return Given(installed, tuple(texts), variables, paths)


def _called(policy: str) -> list[Finding]:
    folders = [each.folder for each in installed_timers(policy)]
    if folders:
        return [Finding("timers", good=True, text=f"what is due is asked for by timers in {' and '.join(folders)}")]
    text = "no timer of drtool's calls it here: what is due waits until somebody types `drtool run --due`"
    words = shlex.join(("drtool", "schedule", *usual_words()))
    return [Finding("timers", good=None, text=text, remedy=f"{words}; if something else calls it, all is well")]


def _files(runtime: Runtime, given: Given) -> list[Finding]:
    """Look for the files that a call names, and at who else may read what it is told in confidence."""
    named = set()
    for words in (_words(call) for text in given.texts for call in _CALLS.findall(text)):
        named |= {words[0], *(path for option, path in itertools.pairwise(words) if option == "--policy")}
    gone = sorted(path for path in named if not os.path.exists(path))
    findings = [_fault(given, f"the timers call with {path}, which is not there", given.again) for path in gone]
    state = given.variables.get("DRTOOL_STATE_DIR", "")
    if state and os.path.realpath(state) != os.path.realpath(runtime.state_directory):
        text = f"the timers keep their state in {state}, and this call in {runtime.state_directory}: each knows half of what happened"
        findings.append(_warning(text, f"call with --state-directory {shlex.quote(state)}; or with the one that is right: {given.again}"))
    for path in given.paths:
        opening = opening_of(path, private=True) if os.path.exists(path) else None
        if opening is not None:
            findings.append(_fault(given, f"what timers are told in confidence: {opening.words}", opening.remedy))
    return findings


def _words(call: str) -> list[str]:
    """Return the words of a call as systemd and cron hand them over."""
    return shlex.split(call.replace("%%", "%").replace("$$", "$").replace("\\%", "%"))


def _user(_runtime: Runtime, given: Given) -> list[Finding]:
    """Tell when the timers call as somebody else: what was tried here holds for who asks."""
    names = [name for text in given.texts for name in _USER.findall(text)]
    here = _own_name()
    wanted = names[-1].strip() if names else here if given.installed.wish.of_a_user else "root"
    if wanted == here:
        return []
    text = f"the timers call as {wanted}, and this was asked as {here}: what may be read and written was tried for {here}"
    return [_warning(text, f"sudo -u {shlex.quote(wanted)} drtool doctor")]


def _own_name() -> str:
    import pwd  # noqa: PLC0415 - rarely asked

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _variables(runtime: Runtime, given: Given) -> list[Finding]:
    missing = [name for name in names_of(runtime.policy, "env") if not given.variables.get(name)]
    if not missing:
        return []
    names = ", ".join(f"env:{name}" for name in missing)
    if given.installed.wish.by_cron:
        remedy = (
            f"cron gives no more than stands in its file: write file:/etc/drtool/{missing[0].lower()} for env:{missing[0]} in the policy"
        )
    elif given.installed.wish.of_a_user:
        folder = os.path.join(os.path.dirname(os.path.dirname(given.installed.folder)), "environment.d", "drtool.conf")
        remedy = f"write {missing[0]}=VALUE into {folder} (mode 600), and: systemctl --user daemon-reexec"
    else:
        remedy = f"write {missing[0]}=VALUE into {ENVIRONMENT_FILE} (mode 600)"
    words = "is not known to be handed over by" if not given.is_known else "is not handed over by"
    return [_fault(given, f"the policy refers to {names}, which {words} the timers in {given.installed.folder}", remedy)]


def _credentials(runtime: Runtime, given: Given) -> list[Finding]:
    loaded = {name: path.replace("%%", "%") for text in given.texts for name, path in _CREDENTIAL.findall(text)}
    findings = []
    for name in names_of(runtime.policy, "credential"):
        if name not in loaded:
            text = f"the policy refers to credential:{name}, which the timers in {given.installed.folder} do not load"
            findings.append(Finding(_SUBJECT, good=False, text=text, remedy=given.again))
        elif os.path.isabs(loaded[name]) and not os.path.exists(loaded[name]):
            text = f"the timers load credential:{name} from {loaded[name]}, which is not there"
            remedy = f"install -D -m 600 FILE {shlex.quote(loaded[name])}, with the file that holds the secret"
            findings.append(Finding(_SUBJECT, good=False, text=text, remedy=remedy))
    return findings


def _programs(runtime: Runtime, given: Given) -> list[Finding]:
    """Look for what is called by its name where a timer looks: a person's path is another."""
    path = given.variables.get("PATH", _SYSTEM_PATH)
    findings = []
    for name in sorted(_called_by_name(runtime)):
        here = shutil.which(name)
        if here is not None and shutil.which(name, path=path) is None:
            text = f"{name} lies in {os.path.dirname(here)}, where the timers do not look: they would not find it"
            remedy = f"ln -s {shlex.quote(os.path.realpath(here))} /usr/local/bin/{name}"
            findings.append(_fault(given, text, remedy))
    return findings


def _called_by_name(runtime: Runtime) -> set[str]:
    """Return the programs that runs on this machine start by their names."""
    policy, names = runtime.policy, {runtime.binary}
    settings = [each.settings for each in policy.sources.values()]
    if any(each.address.location.startswith("sftp:") for each in policy.repositories.values()) or any(each.get("ssh") for each in settings):
        names.add("ssh")
    argvs = (value for each in settings if not each.get("ssh") for value in each.values() if isinstance(value, list | tuple))
    names |= {str(argv[0]) for argv in argvs if argv}
    names |= {shlex.split(text)[0] for text in names_of(policy, "command")}
    return {name for name in names if "/" not in name}


def _fault(given: Given, text: str, remedy: str) -> Finding:
    """Make a finding: red where nothing else could give what is missing."""
    return Finding(_SUBJECT, good=False if given.is_known else None, text=text, remedy=remedy)


def _warning(text: str, remedy: str) -> Finding:
    return Finding(_SUBJECT, good=None, text=text, remedy=remedy)


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read(1 << 20)
    return ""
