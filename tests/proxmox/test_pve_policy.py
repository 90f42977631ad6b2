from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from drtool.app.composition import FACTS, KINDS, SOURCES
from drtool.model.errors import PolicyError
from drtool.planning.withhold import at_home, reached_by
from drtool.policy.load import load
from drtool.policy.schema import json_schema

EXAMPLE = Path(__file__).parents[2] / "policies" / "examples" / "proxmox.yaml"
FINGERPRINT = ":".join(["0A"] * 32)
POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {restic: /srv/backup/drtool, password: "file:/etc/drtool/near.key"}
sources:
  here: {files: {}}
  pve: {proxmox: {url: "https://pve1.example.org:8006", token: "credential:pve", ca: /etc/drtool/pve.pem}}
sets:
  documents:
    protect:
      - here: {paths: [/home]}
    to: near
    keep: {last: 3}
sandboxes:
  lab: {here: {directory: /var/lib/drtool/sandbox}}
"""


def problems(directory: Path, old: str, new: str) -> list[str]:
    assert old in POLICY
    (directory / "policy.yaml").write_text(POLICY.replace(old, new, 1))
    with pytest.raises(PolicyError) as caught:
        load((str(directory / "policy.yaml"),), KINDS)
    return [str(each).removeprefix(f"{directory}/") for each in caught.value.problems]


def test_a_policy_that_looks_at_a_cluster_is_one(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    settings = load((str(tmp_path / "policy.yaml"),), KINDS).sources["pve"].settings
    assert settings["url"] == "https://pve1.example.org:8006"
    assert settings["token"] == "credential:pve"


def test_the_example_is_a_policy_and_fits_the_schema_for_editors() -> None:
    assert load((str(EXAMPLE),), KINDS).sources["pve"].kind == "proxmox"
    jsonschema.validate(YAML(typ="safe", pure=True).load(EXAMPLE.read_text()), json_schema(KINDS))


def test_the_schema_for_editors_knows_its_keys() -> None:
    document = YAML(typ="safe", pure=True).load(POLICY)
    jsonschema.validate(document, json_schema(KINDS))
    document["sources"]["pve"]["proxmox"]["urls"] = "https://pve1.example.org:8006"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema(KINDS))


@pytest.mark.parametrize("keys", ["{vmid: 100}", "{system: true, vmid: 100}", "{}"])
def test_to_protect_its_guests_is_an_error_that_names_line_and_field(tmp_path: Path, keys: str) -> None:
    (said,) = problems(tmp_path, "      - here: {paths: [/home]}\n", f"      - here: {{paths: [/home]}}\n      - pve: {keys}\n")
    where, _, words = said.partition(": ")
    assert where.startswith("policy.yaml:12:")
    assert words.startswith("sets.documents.protect[1].pve: guests of Proxmox are not stored by this release: write `system: true`")
    assert "keep the platform's backup jobs" in words


def test_its_own_configuration_is_protected_with_one_key(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("- here: {paths: [/home]}", "- pve: {system: true}"))
    (protect,) = load((str(tmp_path / "policy.yaml"),), KINDS).sets["documents"].protect
    assert protect.selector == {"system": True}
    assert any("protect[0].pve.system" in each for each in problems(tmp_path, "here: {paths: [/home]}", "pve: {system: false}"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("keep: {last: 3}", 'keep: {last: 3}\n    after: [{run: [x], on: "pve:100"}]', "no command can be run inside `pve:100`"),
        ("lab: {", "lab: {pve: {pool: x}, ", "sandboxes.lab.pve.pool"),
        ("https://", "http://", "sources.pve.proxmox.url: must begin with https://"),
        ("https://pve1.example.org:8006", "https://pve1.example.org:8006/api2", "must be written like https://pve1.example.org:8006"),
        ("https://pve1.example.org:8006", "https://root@pve1.example.org", "must be written like https://pve1.example.org:8006"),
        ("https://pve1.example.org:8006", "https://pve1.example.org:port", "must be written like https://pve1.example.org:8006"),
        ("pve1.example.org", "pve1..example.org", "must be written like https://pve1.example.org:8006"),
        ("pve1.example.org", f"{'a' * 64}.example.org", "must be written like https://pve1.example.org:8006"),
        ("pve1.example.org", "pve 1", "must be written like https://pve1.example.org:8006"),
        ('"credential:pve"', '"drtool@pve!look=0000-secret"', "must be the reference of a secret, such as credential:pve"),
        ("ca: /etc/drtool/pve.pem", "ca: pve.pem", "must be an absolute path"),
        ("ca: /etc/drtool/pve.pem", "fingerprint: abc", "must be a SHA-256 fingerprint"),
        ("ca: /etc", f'fingerprint: "{FINGERPRINT}", ca: /etc', "keep one of them"),
        ("ca: /etc/drtool/pve.pem", f'fingerprint: "{FINGERPRINT}", further_urls: ["https://pve2.example.org"]', "give `ca` instead"),
        ("ca: /etc", 'further_urls: ["https://pve1.example.org"], ca: /etc', "one node is named twice"),
        ("ca: /etc", "verify: false, ca: /etc", "verify"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = problems(tmp_path, old, new)
    assert any(said in each for each in found), found
    assert "0000-secret" not in " ".join(found)


def test_a_port_is_that_of_the_platform_unless_said(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY.replace("org:8006", "org").replace("ca:", 'further_urls: ["https://[2001:db8::1]/"], ca:'))
    settings = load((str(tmp_path / "policy.yaml"),), KINDS).sources["pve"].settings
    assert (settings["url"], settings["further_urls"]) == ("https://pve1.example.org:8006", ["https://[2001:db8::1]:8006"])


def test_a_policy_out_of_a_repository_reaches_no_cluster(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    source = load((str(tmp_path / "policy.yaml"),), KINDS).sources["pve"]
    assert reached_by(source, FACTS) == ("the address https://pve1.example.org:8006",)
    tame = at_home(source, FACTS)
    assert (tame.kind, tame.settings) == ("files", {})


def test_the_commands_that_grant_name_what_is_needed_and_no_more() -> None:
    grants = SOURCES["proxmox"].grants
    assert grants is not None
    commands = grants({"token": "credential:pve"}, ())
    assert not [words for words in commands if "/access" in words or "Pool.Audit" in words], "whoever only looks needs none of it"
    more = grants({"token": "credential:pve"}, ({"system": True},))
    assert "pveum acl modify /access --users drtool@pve --roles DrtoolLookSysAudit" in more
    assert "pveum role add DrtoolLookSDNAudit --privs SDN.Audit" in more
    assert "pveum role add DrtoolLookSysAudit --privs Sys.Audit" in commands
    assert "pveum acl modify / --propagate 0 --users drtool@pve --roles DrtoolLookSysAudit" in commands, "users and access are below /"
    assert [words for words in commands if "--users drtool@pve" in words]
    assert [words for words in commands if "--tokens 'drtool@pve!look'" in words], "a token has what user and token both have"
    assert "credential:pve" in commands[-1]
