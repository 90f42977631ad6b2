from __future__ import annotations

import pytest

from drtool.model.nearest import nearest

KEYS = ("access", "ca", "key", "keys", "mounts", "passphrases", "ssh", "ssh_config", "url", "user")


@pytest.mark.parametrize(
    ("word", "meant"), [("mount", "mounts"), ("usr", "user"), ("passphrase", "passphrases"), ("SSH", "ssh"), ("acess", "access")]
)
def test_a_slip_is_told_what_was_meant(word: str, meant: str) -> None:
    assert nearest(word, KEYS) == f"did you mean `{meant}`?"


@pytest.mark.parametrize("word", ["timeout", "password", "verify"])
def test_another_word_is_told_all_there_are(word: str) -> None:
    assert nearest(word, KEYS) == f"known: {', '.join(KEYS)}"
