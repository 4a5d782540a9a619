"""Runs an unmodified training script of another project, and records the end of each step.

    python -P stopwatch.py SCRIPT STEPS

torch calls a hook after each step of any optimizer. After STEPS + 1 steps the script is stopped, and one line
of JSON is printed: the number of parameters, and the seconds between the ends of successive steps. Nothing of
this project is imported, so that the process runs the script alone.
"""

import json
import runpy
import sys
import time
from itertools import pairwise
from typing import Any

from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook


def main(script: str, steps: int) -> None:
    """Run the script for `steps` + 1 steps."""
    ends: list[float] = []

    def note(optimizer: Optimizer, *_: Any) -> None:
        ends.append(time.perf_counter())
        if len(ends) > steps:
            tensors = [tensor for group in optimizer.param_groups for tensor in group["params"]]
            seconds = [end - begin for begin, end in pairwise(ends)]
            parameters = sum(tensor.numel() for tensor in tensors)
            print(json.dumps({"parameters": parameters, "seconds": seconds}), flush=True)
            raise SystemExit

    register_optimizer_step_post_hook(note)
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
