"""The command as a whole: help, misspelt words, completion, and how soon it answers."""

import re
import subprocess
import sys
import time

import pytest

from microgesture import __version__
from microgesture.cli.main import SUBCOMMANDS, build_parser, main

HEAVY = ("torch", "numpy", "pandas", "pyarrow", "matplotlib", "pydantic", "yaml")


def said(capsys, *words):
    """Exit status and what the command wrote to stdout and stderr."""
    with pytest.raises(SystemExit) as ended:
        main([*words])
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_says_what_it_does_with_an_example_and_explains_every_option(name, capsys):
    status, text, _ = said(capsys, name, "-h")
    assert status == 0
    assert f"example:\n  microgesture {name} " in text
    _, parsers = build_parser()
    for action in parsers[name]._actions:
        assert action.help or action.choices, action


def test_examples_are_lines_that_the_parser_understands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parser, _ = build_parser()
    for module in SUBCOMMANDS.values():
        lines = module.EXAMPLE.replace("\\\n", " ").splitlines()
        for line in lines:
            words = line.partition(" > ")[0].split()
            assert words[0] == "microgesture"
            parser.parse_args(words[1:])


def test_without_a_subcommand_all_are_listed(capsys):
    status, text, _ = said(capsys)
    assert status == 2
    assert all(f"\n    {name} " in text for name in SUBCOMMANDS)


def test_the_version(capsys):
    assert said(capsys, "--version")[:2] == (0, f"microgesture {__version__}\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["predct"], "there is no subcommand 'predct'; did you mean predict?"),
        (["newconfig"], "did you mean new-config?"),
        (["--verison"], "there is no option --verison; did you mean --version?"),
        (["predict", "--modle", "a"], "there is no option --modle; did you mean --model?"),
        (["predict", "--windw=2"], "there is no option --windw; did you mean --window?"),
        (["verify", "--result", "r"], "there is no option --result; did you mean --results?"),
        (["xyz"], "there is no subcommand 'xyz'; there are predict, view,"),
    ],
)
def test_a_misspelt_word_names_the_nearest(words, expected, capsys):
    status, _, error = said(capsys, *words)
    assert status == 2 and error.count("\n") == 1
    assert expected in error


@pytest.mark.parametrize(
    ("name", "option", "value", "expected"),
    [
        ("predict", "--fps", "nan", "a number above 0"),
        ("predict", "--window", "inf", "a number above 0"),
        ("predict", "--window", "abc", "a number above 0"),
        ("predict", "--threads", "2.5", "a whole number of at least 1"),
        ("predict", "--threads", "0", "a whole number of at least 1"),
        ("view", "--sigma", "0", "a number above 0"),
        ("view", "--size", "-3", "a whole number of at least 1"),
        ("view", "--frames", "9-2", "two frames such as 100-180"),
    ],
)
def test_a_number_that_means_nothing_is_one_message(name, option, value, expected, capsys):
    status, _, error = said(capsys, name, option, value)
    assert status == 2 and error.count("\n") == 1
    start = f"microgesture {name}: error: argument {option}: is {value}, expected {expected}"
    assert error.startswith(start)


def test_help_answers_at_once_since_it_imports_nothing_heavy():
    check = (
        "import sys; from microgesture.cli.main import build_parser; build_parser();"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    begin = time.monotonic()
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.monotonic() - begin < 5  # loose: 0.1 s on an idle machine


def test_bash_completes_subcommands_options_and_files(tmp_path):
    command = [sys.executable, "-m", "microgesture", "--print-completion", "bash"]
    script = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (tmp_path / "complete.sh").write_text(script)
    (tmp_path / "model.safetensors").touch()

    def completions(*words):
        given = " ".join(f"'{word}'" for word in words)
        ask = (
            f"source complete.sh; COMP_WORDS=({given}); COMP_CWORD={len(words) - 1};"
            "_shtab_microgesture; printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        done = subprocess.run(
            ["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert completions("microgesture", "pre") == ["predict"]
    assert "--window" in completions("microgesture", "predict", "--wi")
    assert "model.safetensors" in completions("microgesture", "predict", "--model", "mo")


def test_a_shell_without_completion_is_told(capsys):
    status, _, error = said(capsys, "--print-completion", "fish")
    assert status == 2 and "invalid choice: 'fish'" in error and error.count("\n") == 1


def test_a_pager_that_is_closed_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -m microgesture card --template | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_every_option_is_spelt_as_the_others():
    _, parsers = build_parser()
    for parser in parsers.values():
        for option in parser._option_string_actions:
            assert re.fullmatch(r"-h|--[a-z]+(-[a-z]+)*", option), option
