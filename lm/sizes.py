"""How large a model is, told without drawing its weights."""

from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from lm.plan import Plan


def count_parameters(model: nn.Module) -> int:
    """Numbers that training changes; a matrix that two places share counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def outline(plan: Plan, vocab_size: int) -> nn.Module:
    """A plan's model with the shapes of its weights, and whatever numbers: quick to make, and light."""
    with _Undrawn():
        return plan.rung.model(plan.model, vocab_size)


class _Undrawn(TorchFunctionMode):
    """Where no first weights are drawn: their memory is not even touched."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_", "xavier_uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
