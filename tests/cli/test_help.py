"""The help: complete, readable on 80 columns, and quick."""

import contextlib
import io
import itertools
import subprocess
import sys

import pytest
import typer

from stream_app.cli.main import program


def commands(command, path=()):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(program())))


def named(length):
    return ((path, command) for path, command in COMMANDS.items() if len(path) == length)


def shown(path, width, command=COMMANDS[()]):
    """The help of a command; its tree is made once, because that takes longer than to print one of them."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as output:
        patch.setenv("COLUMNS", str(width))
        code = command.main([*path, "--help"], "streamgauge", standalone_mode=False, terminal_width=width)
    assert not code
    return output.getvalue()


def test_the_commands_are_those_of_the_documentation():
    assert {" ".join(path) for path in COMMANDS} == {
        "", "demo", "look", "init", "replay", "replay sensors", "replay images", "replay predictions", "replay sessions", "replay platform", "replay mqtt", "replay-control", "worker", "backtest", "tune", "check", "compile", "plan", "functions", "dashboard", "alerts", "alerts tail", "alerts list", "alerts show", "alerts ack",
        "alerts mute", "alerts false", "alerts real", "alerts precision", "budget", "notify", "routes", "routes list", "routes test", "silence", "silence add", "silence list", "silence remove",
        "reference", "reference set", "reference show", "reference refresh", "retrain",
        "triggers", "triggers tail", "audit", "audit list", "models", "models list", "models show", "models promote", "models rollback", "fairness", "compare", "slices",
        "features", "features get", "features list", "features watch",
        "features versions", "features history", "features skew", "detectors", "config", "config show",
        "dead-letters", "dead-letters list", "dead-letters show", "dead-letters replay",
    }  # fmt: skip


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_names_every_option_and_says_what_it_does(path):
    text = shown(path, 200)
    command = COMMANDS[path]
    assert command.help
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, parameter.name
            for name in (*parameter.opts, *parameter.secondary_opts):
                assert f" {name}" in text


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_without_ragged_lines(path):
    text = shown(path, 80)
    assert max(map(len, text.splitlines())) <= 80
    # A paragraph is broken where the terminal ends: its lines but the last have no room for the next word.
    about = text.split("╭─")[0].split("Usage:")[1].splitlines()[1:]
    for line, following in itertools.pairwise(about):
        if line.strip() and following.strip():
            assert len(line.rstrip()) + 1 + len(following.split()[0]) > 77, line


def test_the_list_of_commands_says_what_their_own_help_begins_with():
    listed = typer.main.get_command(program(whole=())).commands
    assert {name: (one.help, one.rich_help_panel) for name, one in listed.items()} == {
        name: (one.help.split("\n\n")[0], one.rich_help_panel) for (name,), one in named(1)
    }


@pytest.mark.slow
def test_a_command_that_is_only_listed_is_there_when_it_is_called():
    for path in COMMANDS:
        found = shown(path, 200, typer.main.get_command(program(whole=())))
        if path:
            assert found == shown(path, 200)


LOOKED_UP = [
    [],
    ["--help"],
    ["-h"],
    ["--version"],
    ["demo", "--help"],
    ["worker", "--help"],
    ["check", "--help"],
    ["alerts", "--help"],
    ["config", "--help"],
    ["dead-letters", "--help"],
    ["features", "--help"],
    ["features", "get", "--help"],
]

LOOK_UP = """
import sys
from stream_app.cli import main
for arguments in {calls}:
    sys.argv = ["streamgauge", *arguments]
    # A call that says nothing is a mistake, which help answers.
    try:
        main()
    except SystemExit as ended:
        assert (ended.code or 0) == (0 if arguments else 2), arguments
    else:
        raise AssertionError(arguments)
    heavy = {{"scipy", "river", "faust", "polars", "matplotlib"}} & set(sys.modules)
    assert not heavy, (arguments, heavy)
"""


def test_looking_up_does_not_wait_for_statistics_to_be_imported():
    code = LOOK_UP.format(calls=LOOKED_UP)
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


def test_a_misspelt_command_is_told_its_name(call):
    ended = call("wroker")
    assert ended.code == 2
    assert "Did you mean 'worker'?" in ended.err
