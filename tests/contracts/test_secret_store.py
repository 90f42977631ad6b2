from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from drtool import process
from drtool.model.errors import Interrupted, Refused
from drtool.model.secret import SecretReference
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

VALUE = "s3cret value"


def resolve(scheme: str, value: str, **environment: str) -> str:
    return Secrets(environment, LocalRunner()).resolve(SecretReference(scheme, value)).reveal()


def test_each_scheme_gives_the_value_without_the_white_space_around_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbf " + VALUE.encode() + b"\r\n\n")
    file.chmod(0o600)
    assert resolve("env", "NAME", NAME=VALUE + " ") == VALUE + " "
    assert resolve("file", str(file)) == VALUE
    assert resolve("credential", "key", CREDENTIALS_DIRECTORY=str(tmp_path)) == VALUE
    assert resolve("command", f"printf '%s \\n' '{VALUE}'") == VALUE


def test_a_pipe_is_read_once_and_serves_every_store_of_the_process(tmp_path: Path) -> None:
    fifo = tmp_path / "agent"
    os.mkfifo(fifo, 0o600)
    writer = threading.Thread(target=fifo.write_text, args=(VALUE + "\n",))
    writer.start()
    assert [resolve("file", str(fifo)) for _ in range(3)] == [VALUE] * 3
    writer.join()


def test_a_pipe_by_its_number_is_read_once() -> None:
    reading, writing = os.pipe()
    os.write(writing, VALUE.encode())
    os.close(writing)
    assert [resolve("file", f"/dev/fd/{reading}") for _ in range(2)] == [VALUE] * 2
    os.close(reading)


@pytest.mark.parametrize("content", ["", "half a secret"])
def test_a_pipe_that_is_never_ended_hears_the_interrupt(tmp_path: Path, content: str) -> None:
    fifo = tmp_path / "agent"
    os.mkfifo(fifo, 0o600)
    held = os.open(fifo, os.O_RDWR)
    os.write(held, content.encode())
    interrupt = process.Interrupt()
    threading.Timer(0.3, interrupt.request, args=(signal.SIGTERM,)).start()
    with process.scope(process.Scope(interrupt=interrupt)), pytest.raises(Interrupted):
        resolve("file", str(fifo))
    os.close(held)


def test_a_pipe_that_nobody_writes_to_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fifo = tmp_path / "agent"
    os.mkfifo(fifo, 0o600)
    monkeypatch.setattr("drtool.secrets.source_file.PIPE_SECONDS", 0.3)
    with pytest.raises(Refused, match="nobody writes to that pipe"):
        resolve("file", str(fifo))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/"])
def test_what_is_neither_a_file_nor_a_pipe_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        resolve("file", path)


def test_a_secret_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with file.open("wb") as stream:
        stream.truncate(1 << 30)
    file.chmod(0o600)
    with pytest.raises(Refused, match="larger than a mebibyte"):
        resolve("file", str(file))


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(VALUE, encoding="utf-8")
    for mode in (0o640, 0o604, 0o644):
        file.chmod(mode)
        with pytest.raises(Refused) as raised:
            resolve("file", str(file))
        assert "chmod 600" in raised.value.hint


def test_a_command_is_asked_once(tmp_path: Path) -> None:
    secrets = Secrets({}, LocalRunner())
    reference = SecretReference("command", f"sh -c 'echo x >> {tmp_path}/asked; echo {VALUE}'")
    assert {secrets.resolve(reference).reveal() for _ in range(3)} == {VALUE}
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "x\n"


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("env", "MISSING"),
        ("env", "EMPTY"),
        ("file", "/nonexistent/key"),
        ("credential", "key"),
        ("command", f"sh -c 'echo {VALUE}; echo {VALUE} >&2; exit 1'"),
        ("command", "true"),
        ("command", "/nonexistent/program"),
        ("command", "unbalanced '"),
        ("carrier pigeon", "x"),
    ],
)
def test_a_failure_names_the_reference_and_never_the_value(scheme: str, value: str) -> None:
    with pytest.raises(Refused) as raised:
        resolve(scheme, value, EMPTY="")
    assert raised.value.hint
    if scheme != "command":
        assert VALUE not in raised.value.what


@pytest.mark.parametrize("data", [b"\xff\xfe", b"", b"\n", b"a\0b"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(data)
    file.chmod(0o600)
    with pytest.raises(Refused):
        resolve("file", str(file))


def test_a_credential_is_a_name_and_no_path(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="not the name"):
        resolve("credential", "../key", CREDENTIALS_DIRECTORY=str(tmp_path))
