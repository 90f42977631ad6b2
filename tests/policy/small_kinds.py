from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from drtool.notify.schema import NOTIFIERS
from drtool.policy.kinds import Kinds


class Small(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FilesSettings(Small):
    ssh: str | None = None
    ssh_config: str | None = None


class FilesSelector(Small):
    paths: Annotated[list[str], Field(min_length=1)]
    exclude: list[str] = Field(default_factory=list)
    exclude_caches: bool = False
    canary: bool = False


class StreamSettings(Small):
    command: list[str]
    restore: list[str] | None = None
    sandbox: list[str] | None = None
    environment: dict[str, str] = Field(default_factory=dict)


class Nothing(Small):
    pass


class StreamPlace(Small):
    postgresql: dict[str, int] | None = None


class FilesPlace(Small):
    directory: str


class FilesCheck(Small):
    at_least: int = 1


class CommandCheck(Small):
    run: list[str]


class SqlCheck(Small):
    database: str
    query: str
    expect: dict[str, int]


KINDS = Kinds(
    sources=lambda: {"files": FilesSettings, "stream": StreamSettings},
    selectors=lambda: {"files": FilesSelector, "stream": Nothing},
    places=lambda: {"files": FilesPlace, "stream": StreamPlace},
    checks=lambda: {"files": FilesCheck, "command": CommandCheck, "sql": SqlCheck},
    notifiers=lambda: NOTIFIERS,
)


def untouchable() -> dict[str, Any]:
    raise AssertionError("the cache should have known this policy")


UNTOUCHABLE = Kinds(sources=untouchable, selectors=untouchable, places=untouchable, checks=untouchable, notifiers=untouchable)

GOOD = """\
drtool: 1
name: homelab
site: home
repositories:
  near:
    restic: /srv/backup/drtool
    password: file:/etc/drtool/near.key
    seen_from:
      pi: {restic: "sftp:drtool@nas.example.org:/srv/backup/drtool"}
    prune: "0 5 * * 0"
    verify: {schedule: "0 6 * * *"}
    upload_limit: 20MiB
  offsite:
    restic: s3:https://s3.example.org/homelab-dr
    site: cloud
    password: credential:offsite
    environment: {AWS_ACCESS_KEY_ID: credential:id, AWS_SECRET_ACCESS_KEY: env:S3_KEY, AWS_DEFAULT_REGION: eu-west-1}
    timeout: 2m
sources:
  here: {files: {}}
  pi: {files: {ssh: backup@pi.example.org}, site: shed}
  billing:
    stream: {command: [pg_dump, -Fc, billing]}
defaults:
  objectives: {rpo: 24h}
  to: near
  copies: [offsite]
  keep: {last: 3, daily: 14, verified: 3}
sets:
  base:
    protect:
      - pi: {paths: [/etc]}
  documents:
    needs: [base]
    protect:
      - here: {paths: [/home, /etc], exclude: ["*.tmp"], allow_empty: true}
      - billing:
    copies: {offsite: {keep: {yearly: 2, last: 0}}}
    keep: {weekly: 8}
    objectives: {rto: 1h30m}
    schedule: "15 */4 * * *"
    time_zone: Europe/Berlin
    before: [{run: [systemctl, stop, billing], on: here, timeout: 60s}]
    after: [{run: [systemctl, start, billing], on: here, on_failure: continue}]
    checks:
      - files: {in: "here:/home", at_least: 1000}
      - command: {run: ["true"]}
      - files: {of: billing}
    consistent_within: 5m
    nice: true
sandboxes:
  lab:
    lease: 2h
    here: {directory: /var/lib/drtool/sandbox}
    pi: {directory: /var/lib/drtool/sandbox}
    billing: {}
drills:
  monthly:
    sets: [documents]
    sandbox: lab
    schedule: "0 4 1 * *"
  near-by:
    sets: [base, documents]
    from: near
    sandbox: lab
"""
