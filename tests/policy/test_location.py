"""Addresses of repositories mean what restic means by them, or are refused with what to type."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drtool.app.opening import open_repository
from drtool.model.errors import Refused
from drtool.model.location import BUCKETS, FAR_SCHEMES, Location, LocationError, parse_location, without_login

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
    "rest:https://host:8000/me/repo/": Location("rest", "me/repo", "host", "8000"),
    "rest:http://[::1]:8000": Location("rest", "", "::1", "8000"),
    "rclone:cloud:backups/drtool": Location("rclone", "backups/drtool", "cloud"),
    "b2:bucket": Location("b2", "", "bucket"),
    "b2:bucket:path/to": Location("b2", "path/to", "bucket"),
    "azure:container:/": Location("azure", "", "container"),
    "gs:bucket:/path": Location("gs", "path", "bucket"),
    "swift:container:/path": Location("swift", "path", "container"),
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
    "sftp:me:secret@nas:/srv",
    "sftp:me:sec/ret@nas:/srv",
    "rest:me:secret@host/x",
    "rest:https://me:sec/ret@host/x",
    "s3:https://me:[secret]@host/bucket",
    "rest:host:8000/x",
    "rest:/srv/x",
    "rest:https:///x",
    "rest:https://me:secret@host/x",
    "rest:https://me@host/x",
    "rest:https://host:0/x",
    "rest:https://host/x?y",
    "rclone:cloud",
    "rclone:--config=/tmp/x:y",
    "rclone::s3,secret_access_key=x:bucket",
    "rclone:a b:x",
    "rclone:cloud,secret_access_key=x:bucket",
    "s3:host/bucket?sig=secret",
    "s3:https://host/bucket?sig=secret",
    "s3:https:/host/bucket?sig=secret",
    "azure:container:/x?sig=secret",
    "azure:container?sig=secret",
    "b2:",
    "b2:-x:path",
    "gs:bucket",
    "azure::/x",
    "swift:container:path",
    "swift:container",
    "ftp://host/x",
]


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_it_is_read(text: str) -> None:
    assert parse_location(text) == UNDERSTOOD[text]


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_it_is_refused_with_what_to_type(text: str) -> None:
    with pytest.raises(LocationError) as raised:
        parse_location(text)
    assert raised.value.hint


@pytest.mark.parametrize("text", [text for text in REFUSED if "sec" in text], ids=repr)
def test_what_is_told_of_it_holds_no_password(text: str) -> None:
    with pytest.raises(LocationError) as raised:
        parse_location(text)
    assert not re.search("sec.?ret", f"{raised.value} {raised.value.hint} {without_login(text)}".replace("secrets", ""))


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_an_address_without_a_password_is_shown_whole(text: str) -> None:
    if "//me" not in text:
        assert without_login(text) == text


@pytest.mark.parametrize("text", [text for text in REFUSED if "~" not in text and "[::1]:/" not in text], ids=repr)
def test_a_hint_that_is_an_address_is_one(text: str) -> None:
    with pytest.raises(LocationError) as raised:
        parse_location(text)
    word = raised.value.hint.split(": ")[0]
    if word.partition(":")[0] in FAR_SCHEMES:
        parse_location(word)


@example("rest:https://", "-")
@given(
    st.sampled_from([f"{scheme}:" for scheme in FAR_SCHEMES] + ["sftp://", "s3://", "s3:https://", "s3:http://", "rest:https://", ""]),
    st.text(st.sampled_from("a-@:/[]%~?# 2\n"), max_size=14),
)
def test_nothing_is_a_bug(scheme: str, rest: str) -> None:
    try:
        found = parse_location(scheme + rest)
    except LocationError:
        return
    assert found.path or found.scheme in ("rest", "rclone", *BUCKETS)
    assert found.scheme == "path" or found.host
    assert not found.host.startswith("-")


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


@pytest.mark.parametrize("text", [text for text in UNDERSTOOD if text.split(":")[0] in ("rest", "rclone", "b2", "gs", "swift")])
def test_restic_understands_it(tmp_path: Path, text: str, every_restic: Path) -> None:
    """What no account opens is tried and fails; what restic cannot read fails by its form. Debian builds newer ones without azure."""
    assert not _refused_by_its_form(text, tmp_path, every_restic)


@pytest.mark.parametrize("text", ["rest:https://host:port/x", "gs:bucket", "swift:container:path", "swift:container", "ftp://host/x"])
def test_restic_refuses_it_by_its_form(tmp_path: Path, text: str, every_restic: Path) -> None:
    assert _refused_by_its_form(text, tmp_path, every_restic)


def _refused_by_its_form(text: str, directory: Path, restic: Path) -> bool:
    environment = {"PATH": os.defpath, "HOME": str(directory), "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": text}
    argv = ["timeout", "2", str(restic), "cat", "config", "--no-lock"]
    said = subprocess.run(argv, env=environment, capture_output=True, check=False, text=True).stderr
    return "parsing repository location failed" in said or "invalid backend" in said


@pytest.mark.parametrize(
    "location",
    ["sftp:nas", "s3:https://host", "sftp://nas:http//srv", "sftp:-oProxyCommand=touch x:/srv", "rest:https://u:p@h/", "rclone:-x:y"],
)
def test_an_address_of_the_command_line_is_refused_too(tmp_path: Path, location: str) -> None:
    key = tmp_path / "key"
    key.write_text("x")
    key.chmod(0o600)
    with pytest.raises(Refused) as raised:
        open_repository(location, str(key), state_directory=str(tmp_path / "state"))
    assert raised.value.hint


@pytest.mark.parametrize("location", ["rest:https://me:s3cret@host/x", "s3:https://key:s3cret@host/bucket", "sftp://me:s3cret@nas//srv"])
def test_a_password_in_an_address_is_not_shown_again(tmp_path: Path, location: str) -> None:
    key = tmp_path / "key"
    key.write_text("x")
    key.chmod(0o600)
    with pytest.raises(Refused) as raised:
        open_repository(location, str(key), state_directory=str(tmp_path / "state"))
    assert "s3cret" not in f"{raised.value} {raised.value.hint}"
