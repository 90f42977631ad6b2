from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.policy import SourcePolicy
from drtool.model.secret import Secret, SecretReference
from drtool.runners.local import LocalRunner
from drtool.sources.stream.source import StreamSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, SourceContract, Subject, land_request, left, pour, take


class OneSecret:
    def resolve(self, reference: SecretReference) -> Secret:
        if str(reference) != "env:BILLING_SECRET":
            raise Refused(f"{reference} is not set")
        return Secret("hush")


def stream_source(tmp_path: Path, **settings: object) -> StreamSource:
    keys = {"command": ["sh", "-c", 'cat "$0"; printf %s "$HIDDEN"', str(tmp_path / "database")], **settings}
    keys.setdefault("environment", {"HIDDEN": "env:BILLING_SECRET", "PLAIN": "plain"})
    staging = tmp_path / "waiting"
    staging.mkdir(exist_ok=True)
    return StreamSource(
        policy=SourcePolicy("billing", "stream", "home", keys),
        by=BY,
        runner=LocalRunner(),
        clock=FixedClock(),
        secrets=OneSecret(),
        staging=str(staging),
    )


class TestStreamSource(SourceContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        (tmp_path / "database").write_bytes(b"rows\n")
        return Subject(stream_source(tmp_path), {}, {"directory": str(tmp_path / "sandbox")}, tmp_path, originals=False)

    def observe(self, subject: Subject) -> object:
        return (subject.directory / "database").read_bytes()

    def spoil(self, subject: Subject) -> None:
        (subject.directory / "database").write_bytes(b"damaged")


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    (tmp_path / "database").write_bytes(b"rows\n")
    return restoring(tmp_path)


def restoring(tmp_path: Path, **more: object) -> Subject:
    restore = ["sh", "-c", 'cat >"$0"; echo "$PLAIN" >>"$0"', str(tmp_path / "database")]
    source = stream_source(tmp_path, **{"restore": restore, **more})
    return Subject(source, {}, {"directory": str(tmp_path / "sandbox"), "environment": {"WHERE": "scratch"}}, tmp_path)


def test_the_restore_command_gets_the_file_once(subject: Subject, tmp_path: Path) -> None:
    member, content = take(subject)
    assert content == {"billing": {"": b"rows\nhush"}}
    landed = pour(subject.source, land_request(subject, member, "original"), content)
    assert [leftover.what for leftover in left(subject)] == ["staging"]
    subject.source.cutover(landed)
    assert (tmp_path / "database").read_bytes() == b"rows\nhushplain\n"
    (tmp_path / "database").write_bytes(b"newer")
    subject.source.cutover(landed)
    assert (tmp_path / "database").read_bytes() == b"newer"
    assert left(subject) == ()


def test_a_failing_restore_command_is_refused_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "database").write_bytes(b"rows\n")
    subject = restoring(tmp_path, restore=["sh", "-c", "cat >/dev/null; echo no such role >&2; exit 3"])
    member, content = take(subject)
    landed = pour(subject.source, land_request(subject, member, "original"), content)
    with pytest.raises(Refused, match="no such role"):
        subject.source.cutover(landed)
    (staging,) = left(subject)
    subject.source.release(staging)
    assert left(subject) == ()


def test_the_sandbox_command_sees_only_the_sandbox(tmp_path: Path) -> None:
    (tmp_path / "database").write_bytes(b"rows\n")
    script = 'cat >"$DRTOOL_SANDBOX_DIRECTORY/loaded"; env >"$DRTOOL_SANDBOX_DIRECTORY/environment"'
    subject = restoring(tmp_path, sandbox=["sh", "-c", script])
    member, content = take(subject)
    request = land_request(subject, member, "sandbox")
    landed = subject.source.cutover(pour(subject.source, request, content))
    assert (Path(request.reserved) / "loaded").read_bytes() == content["billing"][""]
    assert Path(landed.target).read_bytes() == content["billing"][""]
    environment = (Path(request.reserved) / "environment").read_text()
    assert "WHERE=scratch" in environment
    assert "hush" not in environment
    assert "PLAIN" not in environment


def test_without_a_restore_command_the_original_is_refused(tmp_path: Path) -> None:
    subject = restoring(tmp_path, restore=None)
    (tmp_path / "database").write_bytes(b"rows\n")
    member, _ = take(subject)
    with pytest.raises(Refused) as caught, subject.source.land(land_request(subject, member, "original")):
        pass
    assert "--to directory" in caught.value.hint
