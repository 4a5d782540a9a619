"""Row 21: two processes of one thread each against one process of two, in tokens a second.

The same model, text and batch. The processes of a round run one after the other, so that each has both cores.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lm import runs
from tests.benchmarks.lm_command import step_seconds
from tests.benchmarks.machine import ROOT
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns

WARM = 10  # steps before the clock


def tokens_per_second(setup: Setup, processes: int, recipe: str) -> float:
    """Of one run, from its own record, without its first steps."""
    steps = 12 if setup.quick else 120
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = words if processes > 1 else []
    threads = max(1, 2 // processes) if setup.cores > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, *words, "-m", "lm", "train", "decoder_transformer"]
        command += ["--recipe", recipe, "--corpus", setup.corpus, "--out", str(out)]
        command += ["--steps", str(steps), "--warmup-steps", "5", "--evaluate-every", str(steps)]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=-3, stderr=-3)
        run = runs.open_run(out)
        seconds = step_seconds(run)[min(WARM, steps // 2) :]
        return run.record.tokens_per_step * len(seconds) / sum(seconds)


@benchmark("Tokens per second of two processes and of one")
def main(setup: Setup) -> Result:
    """Row 21: two processes with a thread each, and one with two threads."""
    rows = []
    for recipe in ("classic",) if setup.quick else ("classic", "two-minutes"):
        contestants = {
            n: lambda _, n=n, recipe=recipe: tokens_per_second(setup, n, recipe) for n in (1, 2)
        }
        found = take_turns(setup.rounds, contestants)
        ratios = [two / one for one, two in zip(found[1], found[2], strict=True)]
        rows.append([recipe, spread(found[2]), spread(found[1]), spread(ratios, 2)])
    return Result([Table(["recipe", "two processes", "one process", "ratio"], rows)])


if __name__ == "__main__":
    main()
