"""Addresses of repositories mean what restic means by them, or are refused with what to type."""

from __future__ import annotations

import itertools
import os
import subprocess
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drtool.app import open_repository
from drtool.model.errors import Refused
from drtool.model.location import Location, LocationError, parse_location

UNDERSTOOD = {
    "/srv/backup": Location("path", "/srv/backup"),
    "sftp:NAS:/srv/x": Location("sftp", "/srv/x", "NAS"),
    "sftp:me@nas:x": Location("sftp", "x", "nas", user="me"),
    "sftp:me@work@nas:/x": Location("sftp", "/x", "nas", user="me@work"),
    "sftp://NAS//srv/x": Location("sftp", "/srv/x", "NAS"),
    "sftp://me@NAS:2222//srv/x": Location("sftp", "/srv/x", "NAS", "2222", "me"),
    "sftp://me%40work@nas/x": Location("sftp", "x", "nas", user="me@work"),
    "sftp://[::1]:22//srv/a%20b": Location("sftp", "/srv/a b", "::1", "22"),
    "s3:https://host:9000/bucket/prefix": Location("s3", "bucket/prefix", "host", "9000"),
    "s3:http://[::1]:9000/bucket": Location("s3", "bucket", "::1", "9000"),
    "s3:host/bucket": Location("s3", "bucket", "host"),
    "s3://host/bucket": Location("s3", "bucket", "host"),
}
REFUSED = [
    "s3:http://127.0.0.1:9//bucket",
    "s3:http://127.0.0.1:9",
    "s3:http://127.0.0.1:9/",
    "s3:http:/host/bucket",
    "s3:https:///bucket",
    "s3:httpbin/bucket",
    "s3:host",
    "s3:/bucket",
    "s3:https://host:99999/bucket",
    "s3:https://key:secret@host/bucket",
    "s3:https://host/bucket?versioning",
    "sftp:root@127.0.0.1:2222:/srv/x",
    "sftp:root@nas:2222/srv/x",
    "sftp:root@[::1]:/srv/x",
    "sftp:nas",
    "sftp::/x",
    "sftp:nas:",
    "sftp:nas:~/x",
    "sftp://nas",
    "sftp://nas/",
    "sftp:///srv",
    "sftp://::1//srv",
    "sftp://nas:http//srv",
    "sftp://nas:0//srv",
    "sftp://me:secret@nas//srv",
    "sftp://nas//srv#1",
    "sftp:-oProxyCommand=x:/srv",
    "sftp://-oProxyCommand=x//srv",
    "sftp:nas:/srv/x\n",
]


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_it_is_read(text: str) -> None:
    assert parse_location(text) == UNDERSTOOD[text]


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_it_is_refused_with_what_to_type(text: str) -> None:
    with pytest.raises(LocationError) as raised:
        parse_location(text)
    assert raised.value.hint


@pytest.mark.parametrize("text", [text for text in REFUSED if "~" not in text and "[::1]:/" not in text], ids=repr)
def test_a_hint_that_is_an_address_is_one(text: str) -> None:
    with pytest.raises(LocationError) as raised:
        parse_location(text)
    word = raised.value.hint.split(": ")[0]
    if word.startswith(("sftp:", "s3:")):
        parse_location(word)


@given(
    st.sampled_from(["sftp:", "sftp://", "s3:", "s3://", "s3:https://", "s3:http://", ""]),
    st.text(st.sampled_from("a-@:/[]%~?# 2\n"), max_size=14),
)
def test_nothing_is_a_bug(scheme: str, rest: str) -> None:
    try:
        found = parse_location(scheme + rest)
    except LocationError:
        return
    assert found.path
    assert found.scheme == "path" or found.host


@pytest.fixture(scope="module")
def heard_by_ssh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `ssh` that writes down its arguments instead of connecting."""
    directory = tmp_path_factory.mktemp("ssh")
    program = directory / "ssh"
    program.write_text(
        textwrap.dedent(f"""\
        #!/bin/sh
        printf '%s\\n' "$@" >{directory}/heard
        exit 1
        """)
    )
    program.chmod(0o755)
    return directory


@pytest.mark.parametrize("text", [text for text in UNDERSTOOD if text.startswith("sftp:")])
def test_restic_asks_ssh_for_the_same_machine(heard_by_ssh: Path, text: str, every_restic: Path) -> None:
    heard = heard_by_ssh / "heard"
    heard.unlink(missing_ok=True)
    home = str(heard_by_ssh)
    environment = {"PATH": f"{home}:{os.defpath}", "HOME": home, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": text}
    argv = [str(every_restic), "cat", "config", "--no-lock"]
    subprocess.run(argv, env=environment, capture_output=True, check=False)
    words = heard.read_text().split()
    found = parse_location(text)
    told = {"-p": "", "-l": ""} | dict(itertools.pairwise(words))
    assert (told["-p"], told["-l"]) == (found.port, found.user)
    assert found.host in words


@pytest.mark.parametrize("location", ["sftp:nas", "s3:https://host", "sftp://nas:http//srv", "sftp:-oProxyCommand=touch x:/srv"])
def test_an_address_of_the_command_line_is_refused_too(tmp_path: Path, location: str) -> None:
    key = tmp_path / "key"
    key.write_text("x")
    key.chmod(0o600)
    with pytest.raises(Refused) as raised:
        open_repository(location, str(key), state_directory=str(tmp_path / "state"))
    assert raised.value.hint
