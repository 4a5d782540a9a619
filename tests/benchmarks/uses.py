"""All that people do with a run directory, on the command line and on the page, each with a comparable result.

For `damage.py`. The result of a use is plain data without the clock, so that two can be compared. The list of
snapshots is no part of it: where one is missing, the others are still right. A refusal is raised as `Refused`,
with the sentence that the person reads; anything else that is raised is a fault of the program.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from lm import runs
from lm.__main__ import main as lm_command
from lm.errors import Problem
from lm.ladder import RUNGS
from playground.runs.library import Library
from playground.services import Services
from playground.tabs.actions import Actions
from playground.training.supervisor import Supervisor
from tests.playground.answers import written

TEXT = "What news, my lord?"


class Refused(Exception):
    """What was asked for was refused; `str(refused)` is all that the person reads."""


def command(*arguments: object) -> str:
    """What `python -m lm …` prints, in this process."""
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(lm_command, words, prog_name="python -m lm")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        raise Refused("\n".join(lines) if result.exit_code in (2, 3, 4) else result.output)
    return result.stdout


class Uses:
    """The uses of the runs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        supervisor = Supervisor(cores=1)
        library = Library(folder, folder / "none", supervisor)
        self.services = Services(supervisor, library)
        self.services.snapshots.keep = 0  # a copy must not show the model of another copy
        self.actions = {name: Actions(rung, self.services) for name, rung in RUNGS.items()}

    def close(self) -> None:
        self.services.close()

    def all(self, model: str) -> dict[str, Callable[[Path], Any]]:
        """Each use of a run of this model by its name; resuming comes last, for it changes the run."""
        actions = self.actions[model]
        return {
            "open": _open,
            "list": lambda directory: self._listed(model, directory),
            "watch": lambda directory: _watched(actions, _token(directory)),
            "show": lambda directory: _shown(actions, _token(directory)),
            "look": lambda directory: _looked(actions, _token(directory)),
            "write": lambda directory: _wrote(actions, _token(directory)),
            "evaluate": lambda directory: numbers(
                json.loads(command("evaluate", directory, "--json"))
            ),
            "sample": lambda directory: command("sample", directory, "--max-new-tokens", 20),
            "pack": _packed,
            "resume": lambda directory: _resumed(model, directory),
        }

    def _listed(self, model: str, directory: Path) -> Any:
        """Its place among the earlier runs; one that is left out must say why when it is opened."""
        labels = {token: label for label, token in self.services.library.local_runs(model)}
        label = labels.get(_token(directory))
        if label is None:
            _open(directory)
            return "left out"
        return re.findall(r"([\d,]+) steps", label)


def numbers(value: Any) -> Any:
    """Plain data with its numbers only: no words, names and dates."""
    if isinstance(value, dict):
        kept = {name: numbers(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one not in (None, {}, [])}
    if isinstance(value, list | tuple):
        return [numbers(one) for one in value]
    return value if isinstance(value, int | float) else None


def _token(directory: Path) -> str:
    return f"local:{directory.name}"


def _open(directory: Path) -> Any:
    try:
        run = runs.open_run(directory)
        return [numbers(run.record.model_dump()), list(run.status()[::2])]
    except Problem as problem:
        raise Refused(str(problem)) from None


def _watched(actions: Actions, token: str) -> Any:
    """The curves and samples, as the page polls them."""
    answer = actions.poll([token, 0, 0])
    if answer["status"] == "unknown":
        raise Refused(answer["reason"])
    events = [{**numbers(event), "text": event.get("text")} for event in answer.pop("events")]
    return [answer["status"], events, numbers(answer)]


def _shown(actions: Actions, token: str) -> Any:
    """The settings of an earlier run, opened in its tab."""
    answer = actions.open(token)
    if answer["notice"]:
        raise Refused(answer["notice"])
    return answer["settings"]


def _looked(actions: Actions, token: str) -> Any:
    """Attention or the table of next characters, at the last snapshot."""
    view = "attention" if "n_head" in actions.rung.settings() else "table"
    answer = actions.look([token, None, TEXT, view, {}])
    if "error" in answer:
        raise Refused(answer["error"])
    return {name: value for name, value in answer.items() if name != "steps"}


def _wrote(actions: Actions, token: str) -> Any:
    answer = written(actions, token, TEXT)
    if not answer["tokens"]:
        raise Refused(answer["note"])
    return [answer["tokens"], answer["step"]]


def _packed(directory: Path) -> Any:
    """The packed copy: its last snapshot, and the numbers of its other files."""
    out = directory.with_name(f"{directory.name}-packed")
    try:
        command("pack", directory, "--out", out, "--snapshots", 3)
        *_, last = sorted(out.glob("snapshots/*"))
        files = [*sorted(out.glob("*.*")), last]
        return {str(path.relative_to(out)): _contents(path) for path in files}
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _contents(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return tensors(path)
    if path.suffix == ".jsonl":
        return [numbers(line) for line in runs.read_metrics(path)[0] if line["type"] != "snapshot"]
    if path.suffix != ".json":
        return None
    found = numbers(json.loads(path.read_text("utf-8")))
    found.pop("metrics_bytes", None)  # with a line for each snapshot, also for one that was deleted
    return found


def _resumed(model: str, directory: Path) -> Any:
    """The end of a run that was resumed."""
    command("train", model, "--out", directory, "--resume", "--device", "cpu")
    try:
        runs.open_run(directory).model()
    except Problem as problem:  # a damaged snapshot does not keep the run from ending
        raise Refused(str(problem)) from None
    return ending(directory)


def ending(directory: Path) -> dict[str, Any]:
    """What a run has come to, to compare with another: status, losses and samples, weights, optimizer.

    The clock is left out, and so are snapshots that only one of two runs has, because it was stopped there.
    """
    run = runs.open_run(directory)
    lines = [
        {name: value for name, value in line.items() if name != "seconds"}
        for line in run.metrics()
        if line["type"] != "snapshot"
    ]
    last = run.snapshot_path(run.nearest_snapshot())
    return {
        "status": list(run.status()[::2]),
        "metrics": lines,
        "resume.safetensors": tensors(directory / "resume.safetensors"),
        last.name: tensors(last),
    }


def tensors(path: Path) -> dict[str, str]:
    """The checksum of each tensor of a file."""
    found = {}
    for name, tensor in sorted(load_file(path).items()):
        data = tensor.contiguous().flatten().view(torch.uint8).numpy()
        found[name] = hashlib.sha256(data.tobytes()).hexdigest()
    return found
