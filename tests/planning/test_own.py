"""Where drtool keeps its own things below protected folders: told, and which of them."""

from __future__ import annotations

from dataclasses import replace

from drtool.model.policy import Address, Protect, RepositoryPolicy, Sandbox, SourcePolicy
from drtool.model.secret import SecretReference
from drtool.planning.own import own_places, told_of_own_places
from tests.planning.planning_values import DAY, backup_set, policy


def _repository(name: str, location: str, key: str = "") -> RepositoryPolicy:
    reference = SecretReference("file", key) if key else SecretReference("env", "PASSWORD")
    return RepositoryPolicy(name=name, address=Address(location, reference), site="home")


def test_everything_of_ours_on_this_machine_is_known_and_told() -> None:
    repositories = {
        "near": _repository("near", "/data/backup/near", "/data/keys/near.key"),
        "there": _repository("there", "local:/data/there/"),
        "far": _repository("far", "sftp:pi:/data/far"),
    }
    sources = {"here": SourcePolicy("here", "files", "home"), "pi": SourcePolicy("pi", "files", "home", {"ssh": "pi"})}
    sandboxes = {"lab": Sandbox("lab", DAY, {"here": {"directory": "/data/lab"}, "pi": {"directory": "/data/pi-lab"}})}
    sets = backup_set(protect=(Protect("here", {"paths": ["/data", "/database", "/data/there"]}), Protect("pi", {"paths": ["/data"]})))
    rules = replace(policy(sets), repositories=repositories, sources=sources, sandboxes=sandboxes, drills={})
    own = own_places(rules, state_directory="/data/state", policy_paths=("/data/policy.yaml", "relative.yaml"))
    assert [(each.words, each.path) for each in own] == [
        ("the repository near", "/data/backup/near"),
        ("the key", "/data/keys/near.key"),
        ("the sandbox lab", "/data/lab"),
        ("the policy", "/data/policy.yaml"),
        ("the state directory", "/data/state"),
        ("the repository there", "/data/there"),
    ]
    told = told_of_own_places(rules, own)
    assert len(told) == len(own), "each lies in /data of this machine, and none in /database or in itself"
    assert "the repository near /data/backup/near lies in /data of documents: it is left out of its points" in told[0]
    assert "--path" in told[0]
    assert "stays where it is" in told[1]
