"""The number of a model's parameters, without drawing its initial weights."""

from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from lm.plan import Plan


def count_parameters(model: nn.Module) -> int:
    """All parameters, frozen ones included; a shared matrix counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def outline(plan: Plan, vocab_size: int) -> nn.Module:
    """A plan's model without random initial weights: the values are undefined, so load weights before use."""
    with _Undrawn():
        return plan.rung.model(plan.model, vocab_size)


class _Undrawn(TorchFunctionMode):
    """Inside, torch.nn.init leaves tensors as they are."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_", "xavier_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
