"""Fixtures for the real parts in tests/rig: started when first asked for, one of each per test process."""

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.rig import restic
from tests.rig.browser import Browser
from tests.rig.missing import MissingToolError
from tests.rig.postgres import PostgresServer
from tests.rig.rest import RestServer
from tests.rig.s3 import S3Server
from tests.rig.server import Server
from tests.rig.sshd import SshServer

# Whoever runs the tests in the background has SIGINT ignored, and so would every program they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No test depends on how busy a machine is; in CI examples are the same each time, as hypothesis does there by itself.
settings.register_profile("untimed", settings.get_profile("ci" if os.environ.get("CI") else "default"), deadline=None)
settings.load_profile("untimed")
pytest_plugins = ["tests.rig.costs", "tests.rig.budget", "tests.rig.chosen", "tests.rig.seen"]
_OTHERS_SETTINGS = ("AWS_", "DRTOOL_", "PG", "RESTIC_", "SSH_", "XDG_")


@pytest.fixture(scope="session")
def restic_oldest() -> Path:
    """The oldest restic we support: the distribution's."""
    return restic.binary(restic.OLDEST)


@pytest.fixture(scope="session")
def restic_newest() -> Path:
    """The newest restic we support."""
    return restic.binary(restic.NEWEST)


@pytest.fixture(scope="session", params=restic.VERSIONS)
def every_restic(request: pytest.FixtureRequest) -> Path:
    """Every restic we support, one test run each."""
    version: restic.Version = request.param
    return restic.binary(version)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A running S3 server; a test that stops or kills one makes its own: `with S3Server() as server`."""
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def rest_server() -> Iterator[RestServer]:
    """A running REST server of restic's own."""
    with RestServer() as server:
        yield server


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshServer]:
    """A running SSH server; a test that stops or kills one makes its own."""
    with SshServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL; a test that stops or kills one makes its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running browser."""
    with Browser() as started:
        yield started


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, with no setting of the person who runs the tests."""
    for name in [name for name in os.environ if name.startswith(_OTHERS_SETTINGS)]:
        monkeypatch.delenv(name)
    directory = tmp_path / "home"
    places = {
        "HOME": directory,
        "XDG_CONFIG_HOME": directory / ".config",
        "XDG_CACHE_HOME": directory / ".cache",
        "XDG_DATA_HOME": directory / ".local/share",
        "XDG_STATE_HOME": directory / ".local/state",
        "XDG_RUNTIME_DIR": directory / "run",
        "DRTOOL_STATE_DIR": directory / "drtool-state",
    }
    for name, place in places.items():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(place))
    return directory


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    with _missing_tools_skip():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    with _missing_tools_skip():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the end of the log of every server it used."""
    report = yield
    if report.failed:
        for server in getattr(item, "funcargs", {}).values():
            if isinstance(server, Server):
                report.sections.append((f"log of the {server.name} server", server.log_tail()))
    return report


@contextmanager
def _missing_tools_skip() -> Iterator[None]:
    """What a person's machine lacks is skipped, with its reason in pytest's summary; what CI lacks is a failure."""
    try:
        yield
    except MissingToolError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
