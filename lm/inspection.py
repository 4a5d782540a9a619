"""Looking inside: what a model computed while it read a text.

A part of a model that attends has a method `pattern` (`lm.layers.Attending`). While the model reads, a hook
asks each such part for the weights that belong to its input. So the models hold no recording code, and they
use the fused kernels, which never write their weights to memory, as always.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import device_of
from lm.evaluation import evaluation_mode
from lm.layers.attention import Attending
from lm.layers.masks import allowed


@dataclass(frozen=True)
class Inspection:
    """The results at each of T positions.

    attention: one array (H, T, T) for each attention layer, from the input to the output: row t says how much
        position t takes from each position. Empty for a model without attention.
    masks: one bool array (T, T) for each attention layer, True where position t may look.
    losses: (T - 1,) the loss in nats at each token after the first.
    probabilities: (T, V) the distribution over the next token at each position.
    """

    attention: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    losses: np.ndarray
    probabilities: np.ndarray


@torch.inference_mode()
def inspect(model: nn.Module, tokens: Tensor) -> Inspection:
    """Let `model` read `tokens` (T,), at most as many as its context length; dropout is off."""
    patterns: list[tuple[Tensor, Tensor]] = []  # weights (1, H, T, T) and mask (T, T) of each layer
    this_thread = threading.get_ident()

    def keep(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        # Another thread may be writing with the same model: its input is not ours.
        if threading.get_ident() == this_thread and isinstance(layer, Attending):
            patterns.append(layer.pattern(arguments[0]))

    hooks = [layer.register_forward_pre_hook(keep) for layer in attention_layers(model)]
    try:
        with evaluation_mode(model):
            logits = model(tokens[None])[0]  # (T, V)
    finally:
        for hook in hooks:
            hook.remove()
    return Inspection(
        attention=tuple(weights[0].cpu().numpy() for weights, _ in patterns),
        masks=tuple(allowed(mask).cpu().numpy() for _, mask in patterns),
        losses=F.cross_entropy(logits[:-1], tokens[1:], reduction="none").cpu().numpy(),
        probabilities=logits.softmax(dim=-1).cpu().numpy(),
    )


def attention_layers(model: nn.Module) -> list[nn.Module]:
    """The parts of a model that attend, in the order in which it holds them."""
    return [part for part in model.modules() if isinstance(part, Attending)]


@torch.inference_mode()
def next_character_table(model: nn.Module, ids: np.ndarray) -> np.ndarray:
    """(K, K) for tokens `ids` (K,): row a, column b is p(ids[b] | ids[a]), with nothing before ids[a]."""
    tokens = torch.from_numpy(ids).to(device_of(model))
    with evaluation_mode(model):
        logits = model(tokens[:, None])[:, -1]  # (K, V)
    return logits.softmax(dim=-1)[:, tokens].cpu().numpy()
