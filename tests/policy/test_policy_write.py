"""A policy written out is the same policy when it is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.app.composition import KINDS
from drtool.catalog.manifest import travelling_policy
from drtool.model.codec import canonical, decode, parse
from drtool.model.policy import Hook, Hooks, Policy
from drtool.policy.load import load
from drtool.policy.write import duration, spell

ABLE = replace(KINDS, nodes=lambda: frozenset({"truenas"}), quiesces=lambda: frozenset({"truenas"}))
"""As if one kind of source could do what none of them can so far."""
ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = """\
drtool: 1
name: everything
site: home
policy_in_points: whole
repositories:
  near:
    restic: /srv/near
    password: file:/etc/near.key
    prune: "0 5 * * 0"
    verify: {schedule: "0 6 * * *", cycle: 30d}
    upload_limit: 20MiB
    download_limit: 1.5 MB
    timeout: 90s
    forget_for:
      home:
        machines: [laptop-3f9c2a51d0]
        signers: ["SHA256:hHah+6HfS32vAuGgtxjM89tPvKgmih14BcWv5WaxbCA"]
        keep: {within: 30d, daily: 30, monthly: 12}
        quarantine: {points_per_day: 7}
    seen_from: {pi: {restic: "sftp:a@b.example.org:/srv/near", password: env:PASSWORD, ssh_config: /etc/ssh/x}}
  far:
    restic: s3:https://s3.example.org/bucket
    site: cloud
    password: "command:pass show 'a b'"
    environment: {AWS_ACCESS_KEY_ID: credential:id, AWS_SECRET_ACCESS_KEY: env:KEY, AWS_DEFAULT_REGION: eu-1}
    append_only: true
    immutable: {at_least: 30d, environment: {AWS_ACCESS_KEY_ID: credential:id2, AWS_SECRET_ACCESS_KEY: env:KEY2}}
notify:
  - healthchecks: {url: "credential:hc", timeout: 45s}
  - email: {server: "mail.example.org:465", from: a@example.org, to: [b@example.org], user: nas, password: "credential:mail", on: [failed]}
  - metrics: {directory: /var/lib/metrics}
sources:
  here: {files: {}}
  pi: {site: attic, limits: {at_once: 4}, files: {ssh: root@pi.example.org, ssh_config: /etc/ssh/pi}}
  billing: {stream: {command: [pg_dump, -Fc, "on", "a b: #c"], restore: [pg_restore, "yes"], environment: {PGPASSWORD: env:PG}}}
  nas:
    limits: {at_once: 2, per_node: 1}
    truenas: {url: "wss://nas.example.org/api/current", user: drtool, key: "credential:nas", keys: {tank/a: "file:/k"}}
defaults:
  keep: {last: 3, daily: 14, within: 30d, verified: 2}
  quarantine: {shrinks_below: 33.3%, grows_above: 400%, points_per_day: off}
sets:
  documents:
    protect:
      - here: {paths: [/home, "/größe: x"], exclude: ["*.tmp", "!x"], exclude_caches: true, census: full, canary: true}
      - billing: {allow_empty: true}
    to: near
    copies: [{far: {keep: {last: 9, hourly: 24, weekly: 8, monthly: 12, yearly: 2}}}]
    needs: [photos]
    schedule: "15 */4 * * *"
    time_zone: Europe/Berlin
    objectives: {rpo: 4h, rto: 1d12h30m5s, proof: 40d}
    consistent_within: 5m
    nice: true
    before: [{run: [systemctl, stop, x], on: pi, timeout: 90s, on_failure: continue}]
    after: [{run: [systemctl, start, x], on: here}]
    before_restore: [{run: ["true"], on: here}]
    after_restore: [{run: ["true"], on: here}]
    on_failure: [{run: [logger, "failed: no"], on: here}]
    checks:
      - files: {in: "here:/home", at_least: 3, newest_within: 26h}
      - files: {of: here, at_least: 1}
      - sql: {sqlite: data.db, of: "here:/home", query: "select 1", expect: {equals: 1}}
      - http: {url: "https://x.example.org/", expect: {status: 200, body: '"installed":true'}}
      - tcp: {address: "127.0.0.1:80"}
      - command: {run: ["true"], of: here}
      - archive: {of: billing}
  photos:
    protect: [{nas: {dataset: "tank/*", recursive: true, exclude: ["*/x"], where: {a: b}, exclude_files: ["*.o"]}}]
    to: near
    keep_on_source: 2d
    quiesce: 30s
    quarantine: off
sandboxes:
  lab:
    lease: 2h
    here: {directory: /lab}
    billing: {postgresql: {version: 15}, environment: {A: b}}
    nas: {dataset: tank/lab}
drills:
  monthly:
    {sets: [photos], from: near, sandbox: lab, schedule: "0 4 1 * *", time_zone: Europe/Berlin, negative_control: true, key: "file:/k"}
power: {ups: "ups@nas.lan"}
evidence: {key: "file:/etc/sign"}
signers: ["SHA256:hHah+6HfS32vAuGgtxjM89tPvKgmih14BcWv5WaxbCA"]
inventory:
  exclude:
    - {workload: "/scratch/*", source: here, reason: "made anew each night: no loss", until: 2027-03-01}
"""


def read(text: str, folder: Path) -> Policy:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return load((str(path),), ABLE)


@pytest.fixture
def everything(tmp_path: Path) -> Policy:
    return read(EVERYTHING, tmp_path)


def test_a_policy_with_every_key_comes_back_the_same(everything: Policy, tmp_path: Path) -> None:
    assert read(spell(everything), tmp_path) == everything


def test_every_field_of_a_policy_has_another_value_than_its_default_in_the_example(everything: Policy) -> None:
    """A field that is new and not written would come back the same, as nothing: the example has to set it."""
    unset = {name for name, is_set in _said(everything).items() if not is_set}
    assert unset == NEVER_SAID, "let EVERYTHING say the new key, and `spell` write it"


NEVER_SAID = {"Policy.version"}
"""There is one so far."""


def _said(noun: Any) -> dict[str, bool]:  # noqa: ANN401 - whatever a policy is made of
    """Return by class and name whether any such noun below has another value than the default."""
    if isinstance(noun, Mapping):
        noun = tuple(noun.values())
    if isinstance(noun, tuple):
        found: dict[str, bool] = {}
        for each in noun:
            found |= {name: is_set or found.get(name, False) for name, is_set in _said(each).items()}
        return found
    if not is_dataclass(noun) or isinstance(noun, type):
        return {}
    found = _said(tuple(getattr(noun, each.name) for each in fields(noun)))
    for each in fields(noun):
        default = each.default if each.default_factory is MISSING else each.default_factory()
        found[f"{type(noun).__name__}.{each.name}"] = getattr(noun, each.name) != default
    return found


@pytest.mark.parametrize("example", sorted((ROOT / "policies" / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_come_back_the_same(example: Path, tmp_path: Path) -> None:
    policy = load((str(example),), KINDS)
    assert read(spell(policy), tmp_path) == policy


@pytest.mark.parametrize("name", ["documents", "photos"])
def test_what_one_set_needs_is_a_policy_too(everything: Policy, tmp_path: Path, name: str) -> None:
    """Also when it travelled through a manifest's JSON."""
    needed = travelling_policy(replace(everything, policy_in_points="needed"), everything.sets[name])
    travelled = decode(Policy, parse(canonical(needed)))
    again = read(spell(travelled), tmp_path)
    assert again.sets[name] == replace(everything.sets[name], needs=())
    assert again.sources.keys() == ({"here", "pi", "billing"} if name == "documents" else {"nas"})
    assert "key" not in spell(travelled).partition("\ndrills:")[2]
    assert "# left out: sandboxes and drills, which travel with" in spell(travelled)
    assert "# left out: sandboxes" not in spell(everything)


def test_the_whole_of_it_travels_when_it_says_so(everything: Policy, tmp_path: Path) -> None:
    assert travelling_policy(everything, everything.sets["photos"]) == everything


def test_a_hook_whose_source_is_not_there_is_left_out_by_name(everything: Policy, tmp_path: Path) -> None:
    """As manifests of the first format have it."""
    photos = replace(everything.sets["photos"], hooks=Hooks(before=(Hook(("stop", "it\nnow"), on="gone"),)))
    text = spell(replace(everything, sets={"photos": photos}, drills={}))
    assert "# left out: stop it now (on gone" in text
    assert read(text, tmp_path).sets["photos"].hooks == Hooks()


@pytest.mark.parametrize(
    ("value", "words"),
    [(timedelta(seconds=90), "1m30s"), (timedelta(days=1, hours=12), "1d12h"), (timedelta(seconds=0.2), "1s"), (timedelta(days=30), "30d")],
)
def test_durations_are_spelled_as_policies_do(value: timedelta, words: str) -> None:
    assert duration(value) == words
