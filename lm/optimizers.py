"""How a gradient becomes a change of the weights: AdamW, its two groups, and the learning-rate schedule.

AdamW (Loshchilov & Hutter 2019) keeps a running mean of each weight's gradient and of its square, and steps
by their ratio, so that every weight moves at about the learning rate however large its gradient is. Weight
decay pulls the matrices towards zero; biases, norms and embeddings, which have no size to grow out of, are
left alone.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lm.plan import TrainingConfig


def adamw(model: nn.Module, training: TrainingConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on the weights of linear layers only; fused, one pass over each group."""
    linear = {id(part.weight) for part in model.modules() if isinstance(part, nn.Linear)}
    parameters = list(model.parameters())
    groups = [
        {
            "params": [p for p in parameters if id(p) in linear],
            "weight_decay": training.weight_decay,
        },
        {"params": [p for p in parameters if id(p) not in linear], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=training.learning_rate,
        betas=(0.9, 0.99),
        fused=True,
    )


def learning_rate_factor(step: int, training: TrainingConfig) -> float:
    """What the learning rate is multiplied by at `step` (from 0): a rise, then a fall; never 0."""
    if step < training.warmup_steps:
        return (step + 1) / (training.warmup_steps + 1)
    remaining = training.steps - training.warmup_steps
    done = (
        min((step - training.warmup_steps) / remaining, 1 - 1 / remaining) if remaining > 0 else 0
    )
    if training.decay == "linear":
        return 1 - done
    if training.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0


def state_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimizer's memory as flat names, `blocks.0.norm.weight:exp_avg`, fit for a file."""
    names: dict[Tensor, str] = {p: name for name, p in model.named_parameters()}
    return {
        f"{names[parameter]}:{key}": value
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def restore_state(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` took out, exactly."""
    parameters = dict(model.named_parameters())
    for flat_name, value in tensors.items():
        name, key = flat_name.rsplit(":", 1)
        parameter = parameters[name]
        optimizer.state[parameter][key] = value.to(parameter.device, copy=True)
