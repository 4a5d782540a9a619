"""`python -m lm` as the tests call it."""

from pathlib import Path

from click.testing import CliRunner

from lm import __main__ as cli

ROOT = Path(__file__).parents[2]
QUICK = ["--steps", "12", "--batch-size", "4", "--evaluate-every", "5", "--context-length", "16"]


def quick(rung):
    """Those flags of QUICK that the rung has."""
    known = rung.settings()
    flags = zip(QUICK[::2], QUICK[1::2], strict=True)
    return [word for flag in flags if flag[0][2:].replace("-", "_") in known for word in flag]


def lm(*arguments, code=0):
    """Run `python -m lm …` in this process; returns its output streams. No traceback, ever."""
    result = CliRunner().invoke(cli.main, [str(a) for a in arguments], prog_name="python -m lm")
    assert result.exit_code == code, result.output + repr(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result


def refusal(*arguments, code):
    """The one line that says what is wrong."""
    lines = [line for line in lm(*arguments, code=code).stderr.splitlines() if "Error" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    return lines[0]
