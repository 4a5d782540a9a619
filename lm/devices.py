"""Devices: the GPU if there is one, else the CPU, and the number of threads and cores."""

import contextlib
import importlib.util
import itertools
import os
import shutil
import sys
from collections.abc import Iterator

import torch
from torch import nn

from lm.errors import SettingsProblem


def choose_device(name: str = "auto") -> str:
    """The device called `name`; "auto" is the first present of cuda, mps, cpu. Raises SettingsProblem."""
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
    """The device of a model's parameters and buffers; the CPU for a model without any."""
    tensor = next(itertools.chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if tensor is None else tensor.device


def has_bfloat16(device: str) -> bool:
    """Whether the device has instructions for products of bfloat16 matrices, which are faster than float32."""
    if device == "cpu":
        can = torch.cpu.get_capabilities()
        return any(can.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)


def check_compiles(device: str, learner: str) -> None:
    """Raise a SettingsProblem where `torch.compile` cannot make kernels for the device or the learner."""
    leave_out = "or leave --compile out"
    if learner != "gradient":
        raise SettingsProblem("A model that counts has no kernels to compile: leave --compile out.")
    if not device.startswith("cuda"):
        raise SettingsProblem(
            f"--compile makes kernels for an Nvidia GPU, not for {device}: choose --device cuda, {leave_out}."
        )
    if torch.cuda.get_device_capability(device) < (7, 0):
        raise SettingsProblem(
            f"--compile needs a GPU of 2018 or later: choose another, {leave_out}."
        )
    if importlib.util.find_spec("triton") is None:
        raise SettingsProblem(f"--compile needs the package triton: install it, {leave_out}.")
    if not any(shutil.which(name) for name in (os.environ.get("CC", "cc"), "gcc", "clang")):
        raise SettingsProblem(f"--compile needs a C compiler: install gcc, {leave_out}.")


@contextlib.contextmanager
def memory_explained(advice: str) -> Iterator[None]:
    """Turn a GPU's "out of memory" into a SettingsProblem that ends with advice, as "lower the batch size"."""
    try:
        yield
    except RuntimeError as error:  # CUDA has a class of its own for it, MPS has not
        if "out of memory" not in str(error):
            raise
        raise SettingsProblem(f"The GPU is out of memory: {advice}.") from None


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread, for work too small to share: more threads only wait for each other.

    Beside another busy process, a sample on two threads takes five times as long (lm/EXPERIMENTS.md).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def available_cores() -> int:
    """The number of processor cores that this process may use; on a Space the variable CPU_CORES gives it."""
    stated = os.environ.get("CPU_CORES", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
