"""This project's command line, `python -m lm`, in its own process."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from lm import runs
from tests.benchmarks.machine import ROOT

NOT_REACHED = 5  # exit code of --until-val-loss


def train(out: Path, corpus: str, *flags: str, model: str = "decoder_transformer") -> runs.Run:
    """Train into the folder `out` and open the run. The progress is printed to stderr."""
    command = ["train", model, "--corpus", corpus, "--out", str(out), *flags]
    _run(command, accepted=(0, NOT_REACHED))
    return runs.open_run(out)


def evaluate(directory: Path, corpus: str) -> dict[str, Any]:
    """The output of `lm evaluate --json` for a run's last snapshot: val_loss, parameters, step …"""
    return json.loads(_run(["evaluate", str(directory), "--corpus", corpus, "--json"]))


def flags(settings: dict[str, Any]) -> list[str]:
    """Settings as the flags of `lm train`."""
    made = []
    for name, value in settings.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            made.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            made += [f"--{flag}", str(value)]
    return made


def step_seconds(run: runs.Run) -> list[float]:
    """Seconds of each training step after the first, from the run's metrics."""
    ends = [line["seconds"] for line in run.metrics() if line["type"] == "step"]
    return [end - begin for begin, end in pairwise(ends)]


def _run(arguments: list[str], accepted: tuple[int, ...] = (0,)) -> str:
    """The command's output. Raises `ClickException` unless its exit code is accepted."""
    command = [sys.executable, "-m", "lm", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode not in accepted:
        raise click.ClickException(
            f"`python -m lm {' '.join(arguments)}` ended with exit code {done.returncode}."
        )
    return done.stdout
