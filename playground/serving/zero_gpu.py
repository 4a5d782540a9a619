"""ZeroGPU, on which a free Hugging Face Space runs: a GPU for a function, for as long as it runs.

The package `spaces` makes `torch.cuda` seem present in the process that imports it. So only the server imports
it, and only where Hugging Face says that there is such a GPU; the training processes keep to the CPU.
"""

import importlib
import os
from collections.abc import Callable, Iterator

from lm.devices import choose_device
from lm.errors import Problem
from playground.training.burst import LENT, burst

Burst = Callable[..., Iterator[int]]


def offered() -> Burst | None:
    """`burst` as a function that ZeroGPU runs; None where there is none. A Space without any does not start.

    `Problem` if the package cannot be used, as with a torch that was built for CPUs alone.
    """
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in ("1", "t", "true"):
        return None
    try:
        decorated: Burst = importlib.import_module("spaces").GPU(duration=LENT)(burst)
    except Exception as error:
        raise Problem(
            f"The package of ZeroGPU cannot be used ({error!r}): playground/hosting/README.md says which torch "
            "it takes."
        ) from None
    return decorated


def burst_and_device(asked: str) -> tuple[Burst | None, str]:
    """`offered()`, and the device for the training processes: the CPU with ZeroGPU, else the one asked for.

    The package refuses a process that has asked torch for CUDA, so it is imported first; afterwards torch tells
    of a GPU that the training processes do not have.
    """
    lent = offered()
    return lent, choose_device(asked) if lent is None else "cpu"
