"""An option in the place of another's value is a usage error, whatever the verb."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from drtool.cli.main import main, program


def _commands(command: click.Command, path: tuple[str, ...], context: click.Context) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _commands(inner, (*path, name), click.Context(inner, info_name=name, parent=context))
    else:
        yield path, command


def _words(path: tuple[str, ...], command: click.Command, option: click.Option) -> list[str]:
    """Return a call in which all that is required is given and the option swallows the next one."""
    words = [*path, option.opts[0], "--json"]
    for parameter in command.params:
        if parameter.required and parameter is not option:
            value = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "2040-01-01"
            words += [str(value)] if isinstance(parameter, click.Argument) else [parameter.opts[0], str(value)]
    return words


def _takes_a_word(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and not option.is_flag and isinstance(option.type, click.types.StringParamType)


CALLS = {
    f"{' '.join(path)} {option.opts[0]}": _words(path, command, option)
    for path, command in _commands(program, (), click.Context(program, info_name="drtool"))
    for option in command.params
    if isinstance(option, click.Option) and _takes_a_word(option)
}


def test_every_verb_is_asked() -> None:
    assert {"restore --undo", "restore --point", "run --policy"} <= set(CALLS)
    assert len(CALLS) > 50


@pytest.mark.parametrize("call", CALLS)
def test_an_option_is_no_value(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(CALLS[call]) == 2
    assert "`--json` is an option" in capsys.readouterr().err


def test_a_value_that_has_it_inside_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    main(["points", "--policy", "absent--json"])
    assert "is an option" not in capsys.readouterr().err


def test_no_two_options_of_a_verb_are_one_to_the_parser() -> None:
    """Of two with one name each takes the other's value: `--from` was `--repository`."""
    for path, command in _commands(program, (), click.Context(program)):
        names = [parameter.name for parameter in command.params]
        assert len(names) == len(set(names)), (path, sorted(str(name) for name in names))
