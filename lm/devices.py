"""Which processor computes: a graphics card if there is one, else the CPU."""

import contextlib
import itertools
import os
from collections.abc import Iterator

import torch
from torch import nn

from lm.errors import SettingsProblem


def choose_device(name: str = "auto") -> str:
    """ "auto" is the best there is: cuda, mps, then cpu. `SettingsProblem` if `name` is not there."""
    present = ["cpu"]
    if torch.backends.mps.is_available():
        present.insert(0, "mps")
    if torch.cuda.is_available():
        present.insert(0, "cuda")
    if name == "auto":
        return present[0]
    if name.split(":")[0] not in present:
        raise SettingsProblem(f"This machine has no device {name!r}; it has {', '.join(present)}.")
    return name


def device_of(model: nn.Module) -> torch.device:
    """Where a model's numbers are; one that has none yet can be read on the CPU."""
    held = next(itertools.chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if held is None else held.device


def has_bfloat16(device: str) -> bool:
    """Whether matrices of bfloat16 are multiplied by instructions made for it, faster than float32."""
    if device == "cpu":
        can = torch.cpu.get_capabilities()
        return any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """For work too small to share. Two threads are no faster at it, and wait for each other at every turn.

    A sample takes five times as long that way where something else wants a core (lm/EXPERIMENTS.md).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    """Processor cores that this process may use; a Space says so in CPU_CORES."""
    stated = os.environ.get("CPU_CORES", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
