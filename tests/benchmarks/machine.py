"""The machine: its description, its matrix-product rate, and a new process for each contestant."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import click
import torch

from lm.devices import available_cores

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PRODUCT = 2048  # rows and columns of the "large matrix product"
OPENMP = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS", "GOMP_SPINCOUNT")


def use_cores(cores: int) -> None:
    """Limit this process and its children to `cores` cores, and let torch use all of them.

    OpenMP settings of the shell are removed, so that each contestant runs with its own project's settings.
    """
    if cores > available_cores():
        raise click.UsageError(f"This machine offers {available_cores()} cores, not {cores}.")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    for name in OPENMP:
        os.environ.pop(name, None)
    os.environ["OMP_NUM_THREADS"] = str(cores)
    torch.set_num_threads(cores)


def description(cores: int) -> str:
    """Processor, cores used, memory, system and versions, in one line."""
    parts = (
        f"{_processor()}, {cores} of {os.cpu_count()} cores",
        f"{_memory() / 2**30:.0f} GiB",
        f"{_system()}, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, torch {torch.__version__}",
    )
    return " · ".join(parts)


def product_rate(repeat: int = 10) -> float:
    """Floating-point operations per second of a large fp32 matrix product; the median of `repeat`."""
    a, b = torch.randn(PRODUCT, PRODUCT), torch.randn(PRODUCT, PRODUCT)
    seconds = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - began)
    return 2 * PRODUCT**3 / statistics.median(seconds[1:])  # the first one wakes the threads


def in_fresh_process(function: Callable[..., T], *arguments: Any) -> T:
    """The result of a module-level function, called in a new Python process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory() -> int:
    """Bytes of the largest resident set of this process so far; Linux.

    `resource.getrusage` would count that of the process which started this one, too.
    """
    status = Path("/proc/self/status").read_text("ascii", "replace")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    """Bytes of memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
