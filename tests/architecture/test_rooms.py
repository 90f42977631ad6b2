"""Which room may hold what, read from the source itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from drtool.model.plan import Action

pytestmark = pytest.mark.xdist_group("the house")  # read once, by one worker

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "drtool"
MODULES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base"}
CLOCK_ROOMS = ("engine/", "process/")


def place(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"), str(module))


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(library: str) -> set[str]:
    return {place(module) for module in MODULES if any(name == library or name.startswith(f"{library}.") for name in imported(module))}


def outside(places: set[str], *rooms: str) -> set[str]:
    return {name for name in places if not name.startswith(rooms)}


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("subprocess", ("process/",)),
        ("multiprocessing", ()),
        ("click", ("cli/",)),
        ("rich", ("cli/",)),
        ("ruamel", ("policy/",)),
        ("yaml", ()),
        ("time", CLOCK_ROOMS),
        (
            "threading",
            (*CLOCK_ROOMS, "repositories/restic/client.py", "sources/truenas/api/client.py", "staging/settle.py", "lab/proxmox/"),
        ),  # shared by steps
        ("concurrent", CLOCK_ROOMS),
        ("signal", CLOCK_ROOMS),
        ("websockets", ("sources/truenas/", "lab/truenas/")),
        ("proxmoxer", ("sources/proxmox/client.py",)),
        ("requests", ("sources/proxmox/client.py", "sources/proxmox/tls.py")),
        ("croniter", ("planning/", "policy/")),
    ],
)
def test_a_library_is_used_in_its_room_only(library: str, rooms: tuple[str, ...]) -> None:
    used = importers_of(library)
    assert (outside(used, *rooms) if rooms else used) == set()


def test_the_system_starts_no_process_past_the_one_door() -> None:
    doors = {"os.system", "os.popen", "os.fork", "os.posix_spawn", "os.execv", "os.execve", "os.execvp", "os.spawnv"}
    found = {
        place(module)
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in doors
    }
    assert outside(found, "process/") == set()


def test_only_the_clock_reads_the_clock() -> None:
    readings = {"now", "utcnow", "today"}
    found = {
        place(module)
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute)
        and node.attr in readings
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "date"}
    }
    assert outside(found, *CLOCK_ROOMS) == set()


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [place(module) for module in MODULES if {*module.relative_to(PACKAGE).with_suffix("").parts} & FORBIDDEN_NAMES] == []


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Tidying up and passing the error on swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_everything_is_caught_in_three_places_only() -> None:
    """Where steps are carried out, where the program ends, and where what a thread met is handed to who waits for it."""
    found = set()
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ExceptHandler) and not raises_again(node):
                caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                names = {each.id for each in caught if isinstance(each, ast.Name)}
                if node.type is None or names & {"Exception", "BaseException"}:
                    found.add(place(module))
    assert found <= {"engine/execute.py", "cli/main.py", "process/scope.py"}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
    assert [place(module) for module in MODULES if marks.search(module.read_text(encoding="utf-8"))] == []


def test_modules_are_short() -> None:
    long = {
        place(module): count
        for module in MODULES
        if not place(module).startswith("testing/") and (count := len(module.read_text(encoding="utf-8").splitlines())) > 320
    }
    lists = {"model/plan.py", "ports.py", "app/facade.py"}  # of the actions, the seams and the verbs: read as such
    assert long.keys() <= lists, long


def test_siblings_do_not_import_each_other() -> None:
    rooms = {"sources", "offsite", "runners", "checks", "secrets", "policy", "planning", "engine"}
    found = []
    for module in MODULES:
        room = place(module).split("/")[0]
        if room in rooms:
            for name in imported(module):
                parts = name.split(".")
                allowed = {room, "planning"} if room == "engine" else {room}  # what it finds just before it acts is judged again
                if parts[0] == "drtool" and len(parts) > 1 and parts[1] in rooms - allowed:
                    found.append((place(module), name))
    assert found == []


def test_each_action_is_one_file_and_perform_only_chooses() -> None:
    module = PACKAGE / "engine/perform.py"
    (match,) = [node for node in ast.walk(tree(module)) if isinstance(node, ast.Match)]
    chosen = {
        ast.unparse(case.body[0].value.func)
        for case in match.cases
        if isinstance(case.body[0], ast.Return) and isinstance(case.body[0].value, ast.Call)
    }
    assert len(chosen) == len(match.cases) == len(get_args(Action))
    homes = {alias.name: node.module for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom) for alias in node.names}
    files = [str(homes[name]) for name in chosen]
    assert len(set(files)) == len(files)
    assert all(name.startswith("drtool.engine.actions.") for name in files)
    others = {"__init__.py", "work.py"}
    assert {f"{name.rpartition('.')[2]}.py" for name in files} == {path.name for path in (PACKAGE / "engine/actions").glob("*.py")} - others


def test_a_platform_is_known_by_its_kind_alone() -> None:
    """What it needs to be made, its keys and its checks it says itself: a new one is a line in the composition root."""
    platforms = sorted(each.parent.name for each in (PACKAGE / "sources").glob("*/kind.py"))
    assert len(platforms) >= 3
    known: dict[str, set[str]] = {}
    for module in MODULES:
        own = place(module).split("/")
        for name in imported(module):
            parts = name.split(".")
            if parts[:2] == ["drtool", "sources"] and len(parts) > 2 and parts[2] in platforms and own[:2] != ["sources", parts[2]]:
                known.setdefault(place(module), set()).add(".".join(parts[:4]))
    kinds = {f"drtool.sources.{each}.kind" for each in platforms}
    others = {f"drtool.sources.{each}" for each in platforms}  # `from drtool.sources.files import kind` is that, too
    assert {name: found - kinds for name, found in known.items() if found - kinds - others} == {}
    assert known.keys() == {"app/composition.py"}
