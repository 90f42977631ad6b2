"""The library's parser with its parts looked up once: it asks for each of them anew at every token, which is half of its time."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.parser import Parser
from ruamel.yaml.scanner import Scanner

from drtool.policy.limits import DEEPEST, MOST_NODES, TooMuchError


class _Scanner(Scanner):
    def need_more_tokens(self) -> bool:
        """Answer at once where nothing is open that could still become a key; else as the library does."""
        if self.tokens and not self.possible_simple_keys:
            return False
        return bool(super().need_more_tokens())


class _Parser(Parser):
    @cached_property
    def scanner(self) -> Any:  # noqa: ANN401
        return self.loader.scanner

    @cached_property
    def resolver(self) -> Any:  # noqa: ANN401
        return self.loader.resolver


class _Composer(Composer):
    """Stops where it is too deep or too much: what no policy needs must not be read to its end first."""

    nodes = 0
    level = 0

    @cached_property
    def parser(self) -> Any:  # noqa: ANN401
        return self.loader.parser

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
        self.nodes += 1
        self.level += 1
        if self.nodes > MOST_NODES:
            raise TooMuchError(f"the file has more than {MOST_NODES} values in it")
        if self.level > DEEPEST + 2:
            raise TooMuchError("the file nests too deep, or an alias contains itself")
        node = super().compose_node(parent, index)
        self.level -= 1
        return node

    @cached_property
    def resolver(self) -> Any:  # noqa: ANN401
        return self.loader.resolver


def safe_yaml() -> YAML:
    """Return what reads one document of plain YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner, yaml.Parser, yaml.Composer = _Scanner, _Parser, _Composer
    return yaml
