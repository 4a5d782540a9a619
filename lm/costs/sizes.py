"""How large a plan is before it is trained: parameters, memory while it trains, bytes in its run directory.

The memory of a step is found by trying: a few tokens go through the model, and the tensors that the backward
pass would need are added up. The size of each grows with the context at most as its square, so three short
contexts tell it for a long one. Weights that nobody has drawn take no memory.
"""

import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lm.errors import SettingsProblem
from lm.plan import Plan
from lm.rewriting import Encoding
from lm.start import StartConfig
from lm.tasks.task import Batch, read
from lm.tuning import count_trained, tune

PROCESS = 400_000_000  # bytes of a training process besides its model: torch, the text
SMALLER = "choose a smaller batch size, context length, embedding size or number of layers"


def count_parameters(model: nn.Module) -> int:
    """All parameters, frozen ones included; a shared matrix counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def outline(plan: Plan, vocab_size: int) -> nn.Module:
    """A plan's model without random initial weights: the values are undefined, so load weights before use.

    A model that draws them in another way than `torch.nn.init` takes longer; the random numbers that come
    later are the same.
    """
    with _Undrawn(), torch.random.fork_rng(devices=[]):
        return plan.rung.model(plan.model, vocab_size)


def tuned_outline(plan: Plan, vocab_size: int, known: int | None = None) -> nn.Module:
    """The same with the weights frozen that the plan's start leaves as they are, and with LoRA's matrices.

    known: the vocabulary of the run that it starts from, if it is smaller.
    """
    network = outline(plan, vocab_size)
    if isinstance(plan.start, StartConfig):
        with _Undrawn(), torch.random.fork_rng(devices=[]):
            tune(network, plan.start, grown(plan, vocab_size, known))
    return network


def grown(plan: Plan, vocab_size: int, known: int | None) -> list[str]:
    """The names of the tensors that get new rows, because a start's run had a smaller vocabulary."""
    if known in (None, vocab_size):
        return []
    before = outline(plan, known).state_dict()
    after = outline(plan, vocab_size).state_dict()
    return [name for name, tensor in after.items() if tensor.shape != before[name].shape]


def trained_parameters(plan: Plan, vocab_size: int, known: int | None = None) -> int:
    """The parameters that a plan trains: all of them, but for one that leaves weights as they are."""
    return count_trained(tuned_outline(plan, vocab_size, known))


class _Undrawn(TorchFunctionMode):
    """Inside, torch.nn.init leaves tensors as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_", "xavier_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@lru_cache(maxsize=256)
def memory(plan: Plan, vocab_size: int) -> int:
    """Bytes that a process takes at most while it trains a plan on a CPU, within a factor of 1.5.

    Weights, of those that are trained the gradient and two tensors of optimizer state for each, and either the
    results that the backward pass needs, with the gradients of the largest of them, or a checkpoint on its way
    to the disk. A plan that counts instead has no such tensors, and is told as the process alone.
    """
    if plan.training.learner != "gradient":
        return PROCESS
    model = tuned_outline(plan, vocab_size)
    weights = _bytes([*model.parameters(), *model.buffers()])
    trained = _bytes(one for one in model.parameters() if one.requires_grad)
    saved = _saved_for_backward(model, plan)  # (N,), of one row of the batch
    step = plan.values()["batch_size"] * (saved.sum() + 2 * saved.max(initial=0))
    return PROCESS + weights + 3 * trained + max(int(step), 3 * trained)


@lru_cache(maxsize=256)
def disk(plan: Plan, vocab_size: int, snapshots: int) -> int:
    """Bytes of a plan's run directory at the end: the snapshots, and twice the file to resume from.

    That file holds weights and optimizer state, and is replaced by a new one beside it.
    """
    if plan.training.learner != "gradient":
        return 0
    trained = tuned_outline(plan, vocab_size).parameters()
    return (snapshots + 2 * 3) * _bytes(one for one in trained if one.requires_grad)


def kept_for_backward(plan: Plan, vocab_size: int) -> int:
    """Bytes of the results that the backward pass needs for one row of a batch."""
    return int(_saved_for_backward(outline(plan, vocab_size), plan).sum())


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


SHORT = (8, 16, 32)  # tokens; three points of a parabola


def _saved_for_backward(model: nn.Module, plan: Plan) -> np.ndarray:
    """Bytes of each tensor that the backward pass needs for one row of a batch, (N,), without the weights."""
    T = plan.context_length
    if max(SHORT) >= T:
        return _saved_at(model, T)
    sizes = np.stack([_saved_at(model, length) for length in SHORT])  # (3, N)
    shares = [  # Lagrange's: how much of each point the parabola has at T
        np.prod([(T - other) / (length - other) for other in SHORT if other != length])
        for length in SHORT
    ]
    return np.array(shares) @ sizes


def _saved_at(model: nn.Module, length: int) -> np.ndarray:
    """The same for a row of `length` tokens."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found: dict[int, Tensor] = {}  # by the place in memory: several tensors may be views of one

    def note(tensor: Tensor) -> None:
        # A graph that holds its own results, also by way of this function, is never freed, nor its model.
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            found[place] = tensor.detach()  # held, so that no other takes its place

    tokens = torch.zeros((1, length), dtype=torch.long)
    sources = tokens if isinstance(model, Encoding) else None
    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda nothing: nothing)
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), hooks:
        logits = read(model, Batch(tokens, tokens, None, sources))  # (1, T, V)
        F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten())
    return np.array([tensor.untyped_storage().nbytes() for tensor in found.values()])


def check_fits(
    plan: Plan,
    vocab_size: int,
    folder: Path,
    snapshots: int,
    device: str = "cpu",
    most_memory: int | None = None,
) -> None:
    """Raise a `SettingsProblem` for a plan that needs more memory or disk than there is.

    folder: where the run directory is to be. most_memory: bytes that a run may take; if None, those free now.
    On another device than the CPU, its memory is not asked: it says so itself (`lm/devices.py`).
    """
    if device == "cpu":
        _check_memory(plan, vocab_size, most_memory)
    needed, free = disk(plan, vocab_size, snapshots), free_disk(folder)
    if free is not None and needed > free:
        raise SettingsProblem(
            f"This run needs about {size_in_words(needed)} on the disk, and {size_in_words(free)} are free: "
            f"{SMALLER}, or free some space."
        )


def _check_memory(plan: Plan, vocab_size: int, most: int | None) -> None:
    free = free_memory()
    limited = most is not None and (free is None or most < free)
    allowed = most if limited else free
    if allowed is None:
        return
    # Of a model so large that even trying would take long, the tensors of the size of its weights are enough.
    needed = 0
    if plan.training.learner == "gradient":
        weights = 4 * count_parameters(outline(plan, vocab_size))
        needed = weights if plan.start.keeps else 7 * weights
    if needed <= allowed:
        needed = memory(plan, vocab_size)
    if needed > allowed:
        raise SettingsProblem(
            f"This run needs about {size_in_words(needed)} of memory, and {size_in_words(allowed)} "
            f"{'are allowed' if limited else 'are free'}: {SMALLER}."
        )


def size_in_words(size: int) -> str:
    """Bytes in words: 230 MB, 1.2 GB."""
    if size < 1e6:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def free_memory() -> int | None:
    """Bytes of memory that a new process can take; None where the system does not tell."""
    free = []
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            free.append(int(line.split()[1]) * 1024)
    group = Path("/sys/fs/cgroup")
    for most, now in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, used = (_lines(group / name) for name in (most, now))
        if limit and used and limit[0].isdigit() and used[0].isdigit():
            free.append(max(0, int(limit[0]) - int(used[0])))
    return min(free, default=None)


def free_disk(folder: Path) -> int | None:
    """Bytes free on the disk of a folder, which need not be there yet; None where that cannot be told."""
    for place in (folder, *folder.absolute().parents):
        if place.exists():
            try:
                return shutil.disk_usage(place).free
            except OSError:
                return None
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
