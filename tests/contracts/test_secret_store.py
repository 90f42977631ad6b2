from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.secret import SecretReference
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

VALUE = "s3cret value"


def resolve(scheme: str, value: str, **environment: str) -> str:
    return Secrets(environment, LocalRunner()).resolve(SecretReference(scheme, value)).reveal()


def test_each_scheme_gives_the_value_without_its_last_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(VALUE + "\n\n", encoding="utf-8")
    file.chmod(0o600)
    assert resolve("env", "NAME", NAME=VALUE) == VALUE
    assert resolve("file", str(file)) == VALUE + "\n"
    assert resolve("credential", "key", CREDENTIALS_DIRECTORY=str(tmp_path)) == VALUE + "\n"
    assert resolve("command", f"printf '%s\\n' '{VALUE}'") == VALUE


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
