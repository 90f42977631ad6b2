"""Calls the program `drtool` in a process of its own, forked from the tests with all of it imported: that is half of what a call costs.

What is about starting itself (its words in another encoding, what is imported when) is started anew instead.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import pkgutil
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, NoReturn

import drtool
from drtool.cli.main import main

_FIRST_OF_OURS = 3
"""Descriptors from here on are the tests' own; among them is the one that tells them that the program has begun."""


def called(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess.run, as they are
    """Call it with these words, by default with what it says kept as text; returns how it ended."""
    kept: dict[str, Any] = {} if {"stdout", "stderr"} & options.keys() else {"capture_output": True}
    with _forking():
        return subprocess.run(
            ["drtool", *words],
            preexec_fn=_program(words, options.get("env")),
            text=True,
            check=False,
            **kept,
            **options,
        )


def begun(words: Sequence[str], **options: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - of subprocess.Popen, as they are
    """Begin a call of it, and return the process while it works."""
    with _forking():
        return subprocess.Popen(
            ["drtool", *words],
            preexec_fn=_program(words, options.get("env")),  # noqa: PLW1509 - it never comes back
            text=True,
            **options,
        )


def _forking() -> warnings.catch_warnings[None]:
    """Let nobody warn of the threads of the tests: only what is called here goes on in the fork."""
    return warnings.catch_warnings(action="ignore", category=DeprecationWarning)


def _program(words: Sequence[str], environment: Mapping[str, str] | None) -> partial[NoReturn]:
    _import_all_of_it()
    return partial(_be_the_program, tuple(words), dict(os.environ if environment is None else environment))


@cache
def _import_all_of_it() -> None:
    for module in pkgutil.walk_packages(drtool.__path__, "drtool."):
        importlib.import_module(module.name)


def _be_the_program(words: tuple[str, ...], environment: dict[str, str]) -> NoReturn:
    code = 1
    try:
        os.closerange(_FIRST_OF_OURS, os.sysconf("SC_OPEN_MAX"))
        _as_at_a_start(words, environment)
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - as the interpreter itself ends
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _as_at_a_start(words: tuple[str, ...], environment: dict[str, str]) -> None:
    """Leave nothing of the tests: streams, variables, signals, warnings and logs are as an interpreter that starts finds them."""
    os.environ.clear()
    os.environ.update(environment)
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    logging.getLogger().handlers.clear()
    gc.freeze()
    sys.argv = ["drtool", *words]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
