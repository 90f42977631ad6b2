"""The front door decides nothing: a line for each verb, one shape for all, and no way past them."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.app.opening import open_journals

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "drtool" / "app"
(APP,) = [node for node in ast.parse((ROOM / "facade.py").read_text()).body if isinstance(node, ast.ClassDef)]
METHODS = [node for node in APP.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
PLANNED = sorted(node.name.removeprefix("plan_") for node in METHODS if node.name.startswith("plan_"))
UNPLANNED = {"rebuild", "rotate_signer", "adopt", "hold_add", "hold_release", "key_add", "key_prove", "key_remove", "key_rotate"}
"""What changes something and has no plan."""
DUE = {"run_due", "drill_due", "due_drills"}


@pytest.mark.parametrize("method", METHODS, ids=lambda node: node.name)
def test_a_method_says_what_it_does_and_passes_it_on(method: ast.FunctionDef) -> None:
    words, *lines = method.body
    assert isinstance(words, ast.Expr)
    assert isinstance(words.value, ast.Constant)
    (line,) = lines
    assert isinstance(line, ast.Return)
    assert line.value is not None
    assert ast.unparse(line.value).startswith(("verbs.", "self._runtime."))
    assert not [node for node in ast.walk(line) if isinstance(node, ast.IfExp | ast.BoolOp | ast.comprehension | ast.Lambda)]


def test_no_verb_is_passed_by(tmp_path: Path) -> None:
    app = open_journals(state_directory=str(tmp_path))
    public = {name for name in vars(app) if not name.startswith("_")}
    assert public == {"policy", "state_directory", "is_bare", "openings", "told", "chosen_by"}
    assert not {"runtime", "adapters", "notary", "interrupt", "timetable", "index"} & set(dir(App))


@pytest.mark.parametrize("name", PLANNED)
def test_what_is_planned_is_carried_out_by_the_same_name(name: str) -> None:
    assert "Plan" in str(inspect.signature(getattr(App, f"plan_{name}")).return_annotation)
    carries_out = getattr(App, {"undo": "restore"}.get(name, name))
    taken = list(inspect.signature(carries_out).parameters.values())[1]
    if name == "drill":
        assert "its clock starts with its plan" in str(carries_out.__doc__)
    else:
        assert "Plan" in str(taken.annotation)


@pytest.mark.parametrize("name", sorted(UNPLANNED))
def test_what_has_no_plan_says_why(name: str) -> None:
    assert "plan" in str(getattr(App, name).__doc__)


def test_nothing_else_changes_anything() -> None:
    """A verb that reports has a plan or says why not."""
    reporting = {node.name for node in METHODS if node.returns is not None and ast.unparse(node.returns) in ("Report", "Report | None")}
    assert reporting - DUE - UNPLANNED - {"report"} <= {*PLANNED} - {"undo"}


def test_what_verbs_are_made_of_is_short() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in ROOM.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > 275 and name != "facade.py"} == {}


def test_a_runtime_remembers_nothing_that_has_to_be_dropped() -> None:
    for path in ROOM.rglob("*.py"):
        dropped = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Delete)]
        assert not [node for node in dropped if any(isinstance(each, ast.Attribute) for each in node.targets)], path.name
