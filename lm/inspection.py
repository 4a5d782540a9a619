"""Looking inside: what a model did with a text.

Any part of a model that has a method `attention_weights(x)` is an attention layer. While the model reads,
a hook remembers the x that each such part was given; afterwards the part is asked for its weights. The models
stay free of recording code, and the fast kernels, which never write their weights down, stay fast.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import device_of


@dataclass(frozen=True)
class Inspection:
    """What happened at each of T positions.

    attention: one array (H, T, T) for each attention layer, rows look and columns are looked at;
        empty for a model without attention.
    losses: (T - 1,) nats of surprise at each token after the first.
    probabilities: (T, V) the distribution over the next token at each position.
    """

    attention: tuple[np.ndarray, ...]
    losses: np.ndarray
    probabilities: np.ndarray


@torch.inference_mode()
def inspect(model: nn.Module, tokens: Tensor) -> Inspection:
    """Let `model` read `tokens` (T,), at most as many as its context length, and tell."""
    layers = attention_layers(model)
    inputs: dict[nn.Module, Any] = {}

    here = threading.get_ident()

    def remember(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        if threading.get_ident() == here:  # another thread may be writing with the same model
            inputs[layer] = arguments[0]

    hooks = [layer.register_forward_pre_hook(remember) for layer in layers]
    was_training = model.training
    model.eval()
    try:
        logits = model(tokens[None])[0]  # (T, V)
        attention = tuple(
            layer.attention_weights(inputs[layer])[0].cpu().numpy()  # type: ignore[operator]
            for layer in layers
        )
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    losses = F.cross_entropy(logits[:-1], tokens[1:], reduction="none")
    return Inspection(attention, losses.cpu().numpy(), logits.softmax(dim=-1).cpu().numpy())


def attention_layers(model: nn.Module) -> list[nn.Module]:
    """The parts of a model that attend, from the input to the output."""
    return [part for part in model.modules() if hasattr(part, "attention_weights")]


@torch.inference_mode()
def next_character_table(model: nn.Module, vocab_size: int) -> np.ndarray:
    """(V, V): row c is what the model expects after the single token c."""
    device = device_of(model)
    was_training = model.training
    model.eval()
    try:
        logits = model(torch.arange(vocab_size, device=device)[:, None])[:, -1]  # (V, V)
    finally:
        model.train(was_training)
    return logits.softmax(dim=-1).cpu().numpy()
