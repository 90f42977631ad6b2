"""What may not run beside its like does not: the runner of the tests can forget that without a word (pytest-xdist 3.8 under pytest 9.2)."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARKED = """
import os
import pytest
from tests.rig.zfs import ALONE

@ALONE
@pytest.mark.parametrize("number", range(8))
def test_marked(number):
    with open("workers", "a") as stream:
        stream.write(f"{os.getpid()}\\n")
"""


def test_tests_on_real_zfs_share_one_worker(tmp_path: Path) -> None:
    (tmp_path / "test_marked.py").write_text(MARKED)
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "test_marked.py"]
    places = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(argv, cwd=tmp_path, env=places, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    workers = (tmp_path / "workers").read_text().split()
    assert (len(workers), len(set(workers))) == (8, 1)
