"""Row 13: kills with SIGKILL of trainers, page workers and servers at random moments, and what is left then.

After each kill every run directory must open, must not say that it still trains, and must come to its end with
`--resume`, bit for bit as the run that was never interrupted, with nothing left over from the killed writer.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import torch

from lm import corpora, runs
from lm.errors import Problem
from tests.benchmarks import app
from tests.benchmarks.machine import ROOT
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress
from tests.benchmarks.scripted_page import ENDED, ScriptedPage, soon
from tests.benchmarks.uses import Refused, command, ending
from tests.browser.conftest import Processes, free_port

KILLS = 100
SHARES = {"trainer": 0.4, "worker": 0.4, "server": 0.2}
COLUMNS = ("killed", "kills", "runs", "opened", "true status", "resumed", "identical", "faults")
MODEL = app.DECODER
TEXT_LENGTH = 20_000  # characters
SETTINGS = {
    "n_embd": 16,
    "n_head": 2,
    "n_layer": 2,
    "dropout": 0.1,
    "context_length": 16,
    "batch_size": 4,
    "steps": 300,
    "evaluate_every": 25,
    "warmup_steps": 10,
}
TWO_AT_ONCE = ("--runs-at-once", "2")
# Runs are the same bit for bit with the same number of threads, so all that train here have one.
ONE_THREAD = {"CPU_CORES": "1", "OMP_NUM_THREADS": "1"}
EARLY = 0.2  # share of the kills of trainers and servers before there is a run


@dataclass
class Tally:
    """Counts of one kind of victim. A run that was killed three times counts three times in `opened`."""

    kills: int = 0
    runs: int = 0
    opened: int = 0
    truthful: int = 0
    resumed: int = 0
    identical: int = 0
    faults: list[str] = field(default_factory=list)

    def row(self, victim: str) -> list[str]:
        counts = (self.kills, self.runs, self.opened, self.truthful, self.resumed, self.identical)
        return [victim, *map(str, counts), str(len(self.faults))]


@dataclass(frozen=True)
class Whole:
    """The run that was never interrupted: its result, its files, and the seconds that it took."""

    result: dict[str, Any]
    files: frozenset[str]
    until_begun: float  # from the command until run.json is there
    training: float  # from then until the command has ended


@benchmark("Killed trainers, workers and servers", rounds=1, with_corpus=False)
@click.option("--kills", type=click.IntRange(1), help=f"How many; {KILLS}.")
@click.option("--seed", default=1, show_default=True, help="Of the random moments.")
@click.option("--only", type=click.Choice(list(SHARES)), help="Kill only these.")
def main(setup: Setup, kills: int | None, seed: int, only: str | None) -> Result:
    """Row 13: SIGKILL at random moments; then every run opens, tells the truth, and resumes bit for bit."""
    if not Path("/proc/self/stat").exists():
        raise click.ClickException("This benchmark needs Linux, which lists processes in /proc.")
    os.environ.update(ONE_THREAD)
    torch.set_num_threads(1)
    count = kills or (3 if setup.quick else KILLS)
    settings = SETTINGS | ({"steps": 100} if setup.quick else {})
    with tempfile.TemporaryDirectory() as name:
        campaign = Campaign(Path(name), settings, random.Random(seed))
        for victim, share in SHARES.items():
            if only in (None, victim):
                wanted = count if only else max(1, round(share * count))
                campaign.kill(victim, wanted)
    tallies = campaign.tallies
    faults = [[victim, fault] for victim, tally in tallies.items() for fault in tally.faults]
    return Result(
        [
            Table(COLUMNS, [tally.row(victim) for victim, tally in tallies.items()], "Kills"),
            Table(("killed", "fault"), faults or [["none", ""]], "Faults"),
        ],
        [
            f"seed {seed}; {MODEL} of {settings['steps']} steps, "
            f"{campaign.whole.training:.1f} s of training when nobody kills it",
            "trainer: `lm train`, killed one to three times before it may end; worker: a page's run, alone; "
            "server: with two runs training and one in the queue",
            "every run has one thread: two do not add up in the same order as one",
            f"of trainers and servers {EARLY:.0%} are killed before there is a run",
            "opened, true status: after each kill; resumed, identical: each run in the end, by losses, "
            "samples, weights and optimizer state",
        ],
    )


class Campaign:
    """The kills, and what was found after each."""

    def __init__(self, folder: Path, settings: dict[str, Any], chance: random.Random) -> None:
        self.folder = folder
        self.settings = settings
        self.chance = chance
        self.tallies: dict[str, Tally] = {}
        self.text = corpora.load("synthetic_plays").text[:TEXT_LENGTH].encode()
        self.text_path = folder / "play.txt"
        self.text_path.write_bytes(self.text)
        self.whole = self._uninterrupted()

    def kill(self, victim: str, count: int) -> None:
        """Kill so many trainers, workers or servers."""
        tally = self.tallies[victim] = Tally()
        kinds: dict[str, Callable[[Tally, int], None]] = {
            "trainer": self._trainers,
            "worker": self._workers,
            "server": self._servers,
        }
        kinds[victim](tally, count)

    # The command line

    def _uninterrupted(self) -> Whole:
        out = self.folder / "whole"
        began = time.perf_counter()
        process = self._train(out)
        until_begun = self._until_begun(process, out) - began
        if process.wait() != 0:
            raise click.ClickException("The uninterrupted run failed.")
        files = frozenset(_files(out))
        return Whole(ending(out), files, until_begun, time.perf_counter() - began - until_begun)

    def _train(self, out: Path) -> "subprocess.Popen[bytes]":
        """`lm train`, or with --resume if there is a run in `out`."""
        words = [sys.executable, "-m", "lm", "train", MODEL, "--out", str(out), "--device", "cpu"]
        if (out / "run.json").exists():
            words.append("--resume")
        else:
            words += ["--corpus", str(self.text_path)]
            for name, value in self.settings.items():
                words += [f"--{name.replace('_', '-')}", str(value)]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)

    def _said(self) -> str:
        """The last line of the last trainer."""
        lines = (self.folder / "log").read_text("utf-8", "replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "nothing")

    def _until_begun(self, process: "subprocess.Popen[bytes]", out: Path) -> float:
        """Wait until there is a run in `out`, or the process has ended; the time."""
        while not (out / "run.json").exists() and process.poll() is None:
            time.sleep(0.01)
        return time.perf_counter()

    def _trainers(self, tally: Tally, count: int) -> None:
        while tally.kills < count:
            out = self.folder / f"trainer-{tally.runs}"
            tally.runs += 1
            for _ in range(min(self.chance.randint(1, 3), count - tally.kills)):
                resuming = (out / "run.json").exists()
                process = self._train(out)
                if self.chance.random() < EARLY:
                    time.sleep(self.chance.uniform(0, self.whole.until_begun))
                else:
                    if resuming:
                        time.sleep(self.whole.until_begun)
                    self._until_begun(process, out)
                    time.sleep(self.chance.uniform(0, self.whole.training))
                if process.poll() is None:
                    self._check_alive(tally, out, process)
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    tally.kills += 1
                    progress(f"trainer: kill {tally.kills} of {count}, {_where(out)}")
                    self._check_killed(tally, out)
                elif process.returncode != 0:
                    tally.faults.append(f"{out.name} did not train: {self._said()}")
                    break
            if not (out / "run.json").exists() and self._train(out).wait() != 0:
                tally.faults.append(f"{out.name} cannot begin anew: {self._said()}")
                continue
            self._check_resumed(tally, out)

    def _check_alive(self, tally: Tally, out: Path, process: "subprocess.Popen[bytes]") -> None:
        """A run in training must say so."""
        with contextlib.suppress(Problem, OSError):  # there may be no run yet
            status, _, step = runs.open_run(out).status()
            trains = step > 0 and process.poll() is None
            if trains and status != "running" and step < self.settings["steps"]:
                tally.faults.append(f"{_where(out)}: trains, and says “{status}”")

    # The page

    def _workers(self, tally: Tally, count: int) -> None:
        with app.running(self.folder / "page", *TWO_AT_ONCE) as playground:
            page = ScriptedPage(playground, MODEL, self.settings, self.text)
            while tally.kills < count:
                before = Processes.below(playground.process.pid)
                token, out = page.begin()
                tally.runs += 1
                worker = page.started(before)
                time.sleep(self.chance.uniform(0, 1.2 * self.whole.training))
                if page.poll(token)["status"] != "finished" and Processes.alive(worker):
                    _kill(worker)
                    tally.kills += 1
                    status = page.settled(token)
                    progress(f"worker: kill {tally.kills} of {count}, {_where(out)}, {status}")
                    if status not in ("failed", "stopped"):
                        tally.faults.append(f"{_where(out)}: the page says “{status}”")
                    self._check_killed(tally, out)
                self._check_resumed(tally, out)

    def _servers(self, tally: Tally, count: int) -> None:
        starting = 5.0
        # The runs of an earlier server, of which the next one must tell the truth.
        left: list[Path] = []
        while tally.kills < count:
            tally.kills += 1
            if self.chance.random() < EARLY:
                self._kill_a_starting_server(self.chance.uniform(0, starting))
                progress(f"server: kill {tally.kills} of {count}, while it starts")
                continue
            with app.running(self.folder / "page", *TWO_AT_ONCE) as playground:
                starting = playground.seconds
                page = ScriptedPage(playground, MODEL, self.settings, self.text)
                for out in left:
                    status = page.poll(f"local:{out.name}")["status"]
                    if status not in ENDED:
                        tally.faults.append(f"{_where(out)}: the next server says “{status}”")
                outs = self._kill_a_server(tally, page)
            progress(f"server: kill {tally.kills} of {count}, {', '.join(map(_where, outs))}")
            for out in outs:
                self._check_killed(tally, out)
            for out in left:
                self._check_resumed(tally, out)
            left = outs
        for out in left:
            self._check_resumed(tally, out)

    def _kill_a_server(self, tally: Tally, page: ScriptedPage) -> list[Path]:
        """Kill a server that trains two runs; a third waits in the queue. Their directories."""
        process = page.playground.process
        before = Processes.below(process.pid)
        outs = [page.begin()[1] for _ in range(3)]
        tally.runs += len(outs)
        page.started(before)
        time.sleep(self.chance.uniform(0, 2 * self.whole.training))
        below = Processes.below(process.pid)
        _kill(process.pid)
        process.wait()
        if not soon(lambda: not any(map(Processes.alive, below))):
            tally.faults.append(f"server {tally.kills}: a process outlives it")
        return outs

    def _kill_a_starting_server(self, seconds: float) -> None:
        words = [sys.executable, "-m", "playground", "--no-browser", "--runs"]
        words += [str(self.folder / "page"), "--port", str(free_port())]
        process = subprocess.Popen(
            words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.kill()
        process.wait()

    # After a kill

    def _check_killed(self, tally: Tally, out: Path) -> None:
        """The run that a killed process leaves opens, and does not say that it trains."""
        if not (out / "run.json").exists():
            tally.opened += 1  # there is no run yet, and `lm train` begins one
            tally.truthful += 1
            return
        try:
            run = runs.open_run(out)
            run.metrics()
            if run.snapshots():
                run.model()
            status = run.status()
        except Problem as problem:
            tally.faults.append(f"{_where(out)}: {problem}")
            return
        tally.opened += 1
        if status[0] not in ENDED or (status[0] == "finished" and not self._complete(run)):
            tally.faults.append(f"{_where(out)}: was killed, and says “{status[0]}”")
        else:
            tally.truthful += 1

    def _complete(self, run: runs.Run) -> bool:
        steps = [line["step"] for line in run.evaluations()]
        return bool(steps) and steps[-1] == run.plan.steps

    def _check_resumed(self, tally: Tally, out: Path) -> None:
        """`--resume` brings the run to its end, as if nobody had killed it, and clears up."""
        where = _where(out)
        try:
            command("train", MODEL, "--out", out, "--resume", "--device", "cpu")
        except Refused as refused:
            tally.faults.append(f"{where}: not resumed: {refused}")
            return
        except Exception as error:
            tally.faults.append(f"{where}: not resumed: {error!r}")
            return
        tally.resumed += 1
        result = ending(out)
        wrong = [name for name, value in self.whole.result.items() if result.get(name) != value]
        if wrong:
            tally.faults.append(f"{where}: resumed, but {', '.join(wrong)} differ")
        else:
            tally.identical += 1
        if left := {file for file in _files(out) - self.whole.files if "/0" not in file}:
            tally.faults.append(f"{where}: left over: {', '.join(sorted(left))}")


def _kill(pid: int) -> None:
    """SIGKILL to a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _where(out: Path) -> str:
    """The run, and the last step that it wrote."""
    with contextlib.suppress(Problem, IndexError):
        return f"{out.name} at step {runs.read_metrics(out / 'metrics.jsonl')[0][-1]['step']}"
    return f"{out.name} before step 0"


def _files(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


if __name__ == "__main__":
    main()
