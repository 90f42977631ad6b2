from __future__ import annotations

from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.model.errors import PolicyError
from drtool.policy.load import load

POLICY = """\
drtool: 1
name: nas
repositories: {near: {restic: /srv/backup, password: "file:/etc/near.key"}}
sources: {nas: {truenas: {url: "wss://nas.example.org/", user: drtool, key: "file:/etc/nas.key"@MORE@}}}
sets: {all: {to: near, keep: {last: 3}, protect: [{nas: {dataset: tank, recursive: true@SELECT@}}]}}
"""


@pytest.mark.parametrize(
    ("more", "select", "words"),
    [
        (", access: ssh", "", "name the NAS as an SSH destination"),
        (", ssh_config: /etc/c", "", "name the NAS as an SSH destination"),
        (", ssh: -oProxyCommand=x", "", "is not an SSH destination"),
        (", ssh: 'me:hunter2@nas'", "", "use keys of ssh"),
        (", ssh: root@nas, access: ssh", "", "is a directory of this one"),
        (", ssh: root@nas", ", exact: true, exclude_files: [x]", "an exact stream holds every file"),
        (", ssh: root@nas", ", exact: true", ""),
        (", ssh: root@nas, access: nfs", "", ""),
    ],
)
def test_what_ssh_needs_is_told_where_the_policy_is_read(tmp_path: Path, more: str, select: str, words: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(POLICY.replace("@MORE@", more).replace("@SELECT@", select))
    if not words:
        assert load((str(file),), KINDS).sources["nas"].settings["ssh"] == "root@nas"
        return
    with pytest.raises(PolicyError) as caught:
        load((str(file),), KINDS)
    assert words in " ".join(problem.message for problem in caught.value.problems)
