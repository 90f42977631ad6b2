"""What nothing in the program uses is dead, however well it is tested."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.architecture.test_rooms import MODULES, place, tree

pytestmark = pytest.mark.xdist_group("the house")  # read once, by one worker

CALLED_BY_OTHERS = {
    "__init__.py __getattr__",  # Python's own
    "checks/web.py _Timed.readinto",  # called by the standard library
    "checks/web.py _Stream.makefile",
    "lab/proxmox/server.py NodeServer.verify_request",
    "lab/proxmox/server.py NodeServer.handle_error",
    "lab/proxmox/server.py _Handler.log_message",
    "notify/metrics.py _Given.collect",  # called by the library of Prometheus
    "sources/proxmox/tls.py Door.cert_verify",  # called by requests
    "cli/main.py LazyGroup.list_commands",  # called by click
    "cli/main.py LazyGroup.get_command",
    "cli/main.py LazyGroup.format_commands",
    "cli/named.py Named.shell_complete",
}
WHOLE_IN_ONE_CALL = {
    "planning/status.py assess",
    "planning/reading.py reading_status",
    "app/runtime.py Runtime.plan_whole_sweep",
}
"""What a look takes in two steps, as what listings amount to is kept in between, and a plan that is looked at and not carried out."""
PUBLIC = ("testing/", "app/facade.py")
"""Who uses these is elsewhere: whoever writes an adapter, and whoever calls the library."""


def defined(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield what a module and its classes define, by name; what a decorator takes is used by whoever decorates."""
    for node in module.body:
        match node:
            case ast.FunctionDef(decorator_list=[]) | ast.ClassDef():
                yield node.name, node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name, node
            case _:
                pass
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                is_free = isinstance(inner, ast.FunctionDef) and all(ast.unparse(each) == "property" for each in inner.decorator_list)
                if is_free and isinstance(inner, ast.FunctionDef) and not inner.name.startswith("__"):
                    yield f"{node.name}.{inner.name}", inner


def uses(node: ast.AST) -> Iterator[str]:
    """Yield every name that is read or written there, and texts that may be one (`__all__`, a lazy import)."""
    for each in ast.walk(node):
        match each:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                yield name


def unused() -> set[str]:
    used = Counter(name for module in MODULES for name in uses(tree(module)))
    found = set()
    for module in MODULES:
        for name, node in defined(tree(module)) if not place(module).startswith(PUBLIC) else ():
            own = isinstance(node, ast.Assign | ast.AnnAssign)  # its definition counts as a use
            if used[name.rpartition(".")[2]] <= own:
                found.add(f"{place(module)} {name}")
    return found


def test_nothing_is_used_by_tests_alone() -> None:
    assert unused() - CALLED_BY_OTHERS - WHOLE_IN_ONE_CALL == set()
