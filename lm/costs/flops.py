"""How many floating-point operations training takes: the axis on which large and small models compare fairly.

Counted are products of matrices, two operations for each multiplication and addition, while one window passes
through the model. The backward pass takes twice as many as the forward pass (Kaplan et al. 2020, "Scaling laws
for neural language models", who estimate all of it as 6 for each parameter and token). Attention is counted
over the whole square of positions, as if nothing were masked. Norms, activations, tables and the optimizer are
left out: their share is small where matrices are large, and not in the smallest models here.

`torch.utils.flop_counter` counts the same. It is not used because it loads torch's compiler, which takes
seconds.
"""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from lm.costs.sizes import outline
from lm.plan import Plan
from lm.rewriting import Encoding

PASSES = 3  # in forward passes: one forward, and the backward pass for weights and for inputs


def of_window(plan: Plan, vocab_size: int) -> int:
    """The operations of one forward pass over one window of the context length; 0 for a model that counts.

    A model with an encoder reads a line and writes one, both of that length: an upper bound for shorter lines.
    """
    if plan.training.learner != "gradient":
        return 0
    model = outline(plan, vocab_size).eval()
    tokens = torch.zeros((1, plan.context_length), dtype=torch.long)
    sources = [tokens] if isinstance(model, Encoding) else []
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _Counter() as counter:
        model(tokens, *sources)
    return counter.total


def of_training(plan: Plan, vocab_size: int, steps: int | None = None) -> int:
    """The operations of so many steps of a plan, of all of them if None, without evaluations."""
    if plan.training.learner != "gradient":
        return 0
    windows = plan.values()["batch_size"] * (plan.steps if steps is None else steps)
    return PASSES * windows * of_window(plan, vocab_size)


class _Counter(TorchFunctionMode):
    """Inside, adds up the operations of matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.__name__
        if name in ("linear", "matmul", "__matmul__", "mm", "bmm"):
            self.total += 2 * result.numel() * args[0].shape[-1]
        elif name == "scaled_dot_product_attention":
            self.total += _of_attention(*args[:3])
        return result


def _of_attention(q: Tensor, k: Tensor, v: Tensor) -> int:
    """The operations of q kᵀ and of the weighted sum of v: (…, T, D), (…, S, D), (…, S, E)."""
    scores = q.shape[:-1].numel() * k.shape[-2]
    return 2 * scores * (q.shape[-1] + v.shape[-1])
