"""Makes a world with the drtool of the checkout it is run in: `python -m tests.formats.make ARCHIVE.tar.gz`.

Run once, with the program as it was when the first format was fixed; kept so that the archive beside it can be read about.
The world lies at one fixed place, as the manifests and markers in it name that.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from typing import Any

from tests.formats.first import RESTIC, ROOT
from tests.rig.cheap_key import make_cheap

QUERY = "select count(*) from entry"
POLICY = f"""\
drtool: 1
name: first
site: home
repositories:
  near: {{restic: {ROOT}/near, password: "file:{ROOT}/keys/near.key"}}
  offsite: {{restic: {ROOT}/offsite, site: away, password: "file:{ROOT}/keys/offsite.key"}}
sources:
  here: {{files: {{}}}}
  billing: {{stream: {{command: [cat, {ROOT}/billing.dump]}}}}
sets:
  documents:
    protect:
      - here: {{paths: [{ROOT}/documents], exclude: ["*.tmp"]}}
      - billing: {{}}
    before: [{{run: [touch, {ROOT}/stopped], on: here}}]
    after: [{{run: [rm, -f, {ROOT}/stopped], on: here}}]
    to: near
    copies: [offsite]
    keep: {{last: 10}}
    checks:
      - files: {{in: "here:{ROOT}/documents", at_least: 20}}
      - sql: {{of: "here:{ROOT}/documents", sqlite: ledger.sqlite, query: "{QUERY}", expect: {{equals: 40}}}}
sandboxes:
  lab: {{lease: 2h, here: {{directory: {ROOT}/sandbox}}, billing: {{directory: {ROOT}/sandbox}}}}
drills:
  monthly: {{sets: [documents], from: offsite, sandbox: lab, negative_control: true}}
"""


def drtool(*arguments: str, code: int = 0) -> str:
    """Run the program, and want its exit code."""
    done = subprocess.run(["drtool", *arguments], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise SystemExit(f"drtool {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def environment() -> dict[str, str]:
    """What the program and its children see."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "PATH": f"{ROOT}/bin:{kept['PATH']}",
        "HOME": f"{ROOT}/home",
        "DRTOOL_POLICY": f"{ROOT}/policy.yaml",
        "DRTOOL_STATE_DIR": f"{ROOT}/state",
        "NO_COLOR": "1",
    }


def killed(verb: str, at: int) -> list[list[str]]:
    """Call a verb in a process that kills itself after that many events; returns what it heard."""
    specification: dict[str, Any] = {
        "verb": verb,
        "names": ["documents"],
        "policy": f"{ROOT}/policy.yaml",
        "state": f"{ROOT}/state",
        "binary": RESTIC.name,
        "answer": f"{ROOT}/answer.json",
        "at": at,
    }
    path = ROOT / "specification.json"
    path.write_text(json.dumps(specification))
    subprocess.run([sys.executable, "-m", "tests.faults.driver", str(path)], env=environment(), check=False)
    answer = ROOT / "answer.json"
    heard: list[list[str]] = json.loads(answer.read_text())["heard"] if answer.exists() else []
    for each in (path, answer):
        each.unlink(missing_ok=True)
    return heard


def kill_where(verb: str, where: tuple[str, str]) -> None:
    """Find in an undisturbed call, on a copy that is put back, the event where it is to die; then let it die there."""
    saved = ROOT.with_name(f"{ROOT.name}.saved")
    subprocess.run(["cp", "-a", str(ROOT), str(saved)], check=True)
    heard = killed(verb, at=-1)
    shutil.rmtree(ROOT)
    saved.rename(ROOT)
    number = next(number for number, (kind, step, *_) in enumerate(heard, start=1) if (kind, step) == where)
    killed(verb, at=number)


def make(archive: str) -> None:
    """Make the world and pack it."""
    if ROOT.exists():
        raise SystemExit(f"{ROOT} exists already")
    for name in ("bin", "home", "keys", "documents/letters", "sandbox", "state"):
        (ROOT / name).mkdir(parents=True, mode=0o700)
    (ROOT / "bin" / "restic").symlink_to(RESTIC)
    for name in ("near", "offsite"):
        key = ROOT / "keys" / f"{name}.key"
        key.write_text(f"the passphrase of {name}\n")
        key.chmod(0o600)
    (ROOT / "policy.yaml").write_text(POLICY)
    for number in range(25):
        (ROOT / "documents" / "letters" / f"{number}.txt").write_text(f"letter {number}\n" * (number + 1))
    (ROOT / "documents" / "scratch.tmp").write_text("the policy leaves this out")
    ledger = sqlite3.connect(ROOT / "documents" / "ledger.sqlite")
    ledger.executescript("create table entry (id integer primary key, amount integer)")
    ledger.executemany("insert into entry (amount) values (?)", [(number,) for number in range(40)])
    ledger.commit()
    ledger.close()
    (ROOT / "billing.dump").write_text("a dump of the billing\n" * 50)
    drtool("init")
    for name in ("near", "offsite"):
        make_cheap(ROOT / name, f"the passphrase of {name}")
    drtool("run")
    (ROOT / "documents" / "letters" / "3.txt").write_text("written again\n")
    drtool("run")
    drtool("drill", "monthly")
    drtool("verify", "near")
    points = json.loads(drtool("points", "--json"))
    first = min(view["point"]["point"] for view in points["points"])
    drtool("hold", "add", first, "--until", "2126-01-01", "--reason", "the year's closing")
    (ROOT / "billing.dump").rename(ROOT / "billing.away")
    drtool("run", code=3)
    (ROOT / "billing.away").rename(ROOT / "billing.dump")
    kill_where("run", ("step_ended", f"documents/store/here:{ROOT}/documents"))
    (ROOT / "documents" / "letters" / "new.txt").write_text("written after the last backup\n")
    heard = kill_cutover()
    sys.stderr.write(f"{heard}\n")
    for name in ("home", "bin"):
        shutil.rmtree(ROOT / name)
    owned = ("--owner=0", "--group=0", "--numeric-owner")
    subprocess.run(["tar", "-C", str(ROOT.parent), "--sort=name", *owned, "-czf", archive, ROOT.name], check=True)
    shutil.rmtree(ROOT)


def kill_cutover() -> str:
    """Kill a restore between its two renames: what was there is aside, what was restored not yet in place."""
    saved = ROOT.with_name(f"{ROOT.name}.saved")
    subprocess.run(["cp", "-a", str(ROOT), str(saved)], check=True)
    heard = killed("restore", at=-1)
    cutover = f"documents/cutover/here:{ROOT}/documents"
    for number in [number for number, (_, step, *_) in enumerate(heard, start=1) if step == cutover]:
        shutil.rmtree(ROOT)
        subprocess.run(["cp", "-a", str(saved), str(ROOT)], check=True)
        killed("restore", at=number)
        if not (ROOT / "documents").exists() and list(ROOT.glob("documents.before-*")):
            shutil.rmtree(saved)
            return f"killed at {heard[number - 1]}"
    raise SystemExit("no event lies between the two renames")


if __name__ == "__main__":
    make(os.path.abspath(sys.argv[1]))
