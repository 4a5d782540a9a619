"""Looking inside: what a model computed while it read a text.

While the model reads, a hook keeps the input of each part that attends (`lm.layers.Attending`); query, key and
value are then computed from it once more. So the models hold no recording code, and they use the fused kernels,
which never write their weights to memory, as always.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import device_of
from lm.errors import SettingsProblem
from lm.evaluation import evaluation_mode
from lm.given import given_to
from lm.layers.attention import Projecting, pattern
from lm.layers.block import Block, ReadsOut
from lm.layers.masks import allowed


@dataclass(frozen=True)
class Inspection:
    """The results at each of T positions.

    attention: one array (H, T, T) for each attention layer, from the input to the output: row t says how much
        position t takes from each position. Empty for a model without attention.
    masks: one bool array (T, T) for each attention layer, True where position t may look.
    losses: (T - 1,) the loss in nats at each token after the first.
    logits: (T, V) the scores of the next token at each position; logarithms of probabilities for a mixture.
    probabilities: (T, V) the distribution over the next token at each position.
    """

    attention: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    losses: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray


@torch.inference_mode()
def inspect(model: nn.Module, tokens: Tensor) -> Inspection:
    """Let `model` read `tokens` (T,), at most as many as its context length; dropout is off."""
    logits, inputs = _read(model, tokens, attention_layers(model))
    patterns = [pattern(layer, x) for layer, x in inputs]
    return Inspection(
        attention=tuple(weights[0].cpu().numpy() for weights, _ in patterns),
        masks=tuple(allowed(mask).cpu().numpy() for _, mask in patterns),
        losses=F.cross_entropy(logits[:-1], tokens[1:], reduction="none").cpu().numpy(),
        logits=logits.cpu().numpy(),
        probabilities=logits.softmax(dim=-1).cpu().numpy(),
    )


@dataclass(frozen=True)
class OneScore:
    """How one position came to the share that it takes from another, in one head of size D.

    query, key, value: (D,), the query of the position that looks, key and value of the one looked at.
    product: query · key. divisor: √D, or 1 if the model does not divide. mask: 0, or −∞ where looking is
    forbidden. scores: (T,), the whole row after division and mask. weight: the softmax of the
    row, at the column.
    """

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    product: float
    divisor: float
    mask: float
    scores: np.ndarray
    weight: float


@torch.inference_mode()
def one_score(
    model: nn.Module, tokens: Tensor, layer: int, head: int, row: int, column: int
) -> OneScore:
    """The arithmetic of one cell of `inspect(model, tokens).attention[layer][head]`."""
    inputs = _read(model, tokens, attention_layers(model))[1]
    part, x = inputs[_within(layer, len(inputs), "layer")]
    # (H, T, D) each; the weights may have two bytes a number.
    q, k, v = (each[0].float() for each in part.project(x))
    h, T = _within(head, len(q), "head"), len(tokens)
    t, s = _within(row, T, "row"), _within(column, T, "column")
    divisor = q.shape[-1] ** 0.5 if part.scaled else 1.0
    mask = part.mask[t, :T]  # (T,)
    scores = k[h] @ q[h, t] / divisor + mask  # (T,)
    return OneScore(
        query=q[h, t].cpu().numpy(),
        key=k[h, s].cpu().numpy(),
        value=v[h, s].cpu().numpy(),
        product=float(q[h, t] @ k[h, s]),
        divisor=divisor,
        mask=float(mask[s]),
        scores=scores.cpu().numpy(),
        weight=float(scores.softmax(dim=0)[s]),
    )


@torch.inference_mode()
def layer_by_layer(model: nn.Module, tokens: Tensor) -> np.ndarray:
    """What each layer would already say: probabilities (L + 1, T, V) before the first block and after each.

    The model's last norm and its output head read the residual path after each block instead of after the last
    one ("logit lens", nostalgebraist 2020). The last of the L + 1 is the network's own prediction.
    """
    reader = next((part for part in model.modules() if isinstance(part, ReadsOut)), None)
    blocks = [part for part in model.modules() if isinstance(part, Block)]
    if reader is None or not blocks:
        raise SettingsProblem("This model has no blocks to look between.")
    inputs = _read(model, tokens, blocks)[1]
    after = blocks[-1](inputs[-1][1])
    states = torch.cat([*(x for _, x in inputs), after])  # (L + 1, T, C)
    return reader.read_out(states).softmax(dim=-1).cpu().numpy()


@torch.inference_mode()
def surprise(model: nn.Module, tokens: Tensor, context_length: int) -> np.ndarray:
    """(N - 1,): the loss in nats at each of `tokens` (N,) after the first, N of any length.

    The text is read in windows of the context length that do not overlap, as an evaluation reads it
    (`lm/evaluation.py`), so the mean over a whole validation split is the validation loss. NaN at tokens that
    are given to the model and do not count.
    """
    given = given_to(model)
    losses = [np.full(min(given, max(0, len(tokens) - 1)), np.nan, np.float32)]
    with evaluation_mode(model):
        for start in range(0, len(tokens) - 1 - given, context_length - given):
            window = tokens[start : start + context_length + 1]  # (≤ T + 1,)
            logits = model(window[None, :-1])[0, given:]
            of_window = F.cross_entropy(logits, window[1 + given :], reduction="none")
            losses.append(of_window.cpu().numpy())
    return np.concatenate(losses)


def attention_layers(model: nn.Module) -> list[Any]:
    """The parts of a model that attend (`Attending`), in the order in which it holds them."""
    return [part for part in model.modules() if isinstance(part, Projecting)]


@torch.inference_mode()
def next_character_table(model: nn.Module, ids: np.ndarray) -> np.ndarray:
    """(K, K) for tokens `ids` (K,): row a, column b is p(ids[b] | ids[a]), with nothing before ids[a]."""
    tokens = torch.from_numpy(ids).to(device_of(model))
    with evaluation_mode(model):
        logits = model(tokens[:, None])[:, -1]  # (K, V)
    return logits.softmax(dim=-1)[:, tokens].cpu().numpy()


@contextlib.contextmanager
def recorded_calls(parts: Iterable[nn.Module]) -> Iterator[list[tuple[Any, tuple[Any, ...]]]]:
    """Gives a list that grows while a model reads: each part that runs, with the arguments it is given."""
    calls: list[tuple[Any, tuple[Any, ...]]] = []
    this_thread = threading.get_ident()

    def keep(part: nn.Module, arguments: tuple[Any, ...]) -> None:
        # Another thread may be writing with the same model: its input is not ours.
        if threading.get_ident() == this_thread:
            calls.append((part, arguments))

    hooks = [part.register_forward_pre_hook(keep) for part in parts]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _read(
    model: nn.Module, tokens: Tensor, parts: list[Any]
) -> tuple[Tensor, list[tuple[Any, Tensor]]]:
    """The logits (T, V) of `tokens` (T,), and each of `parts` with its input (1, T, C), in order."""
    with evaluation_mode(model), recorded_calls(parts) as calls:
        logits = model(tokens[None])[0]  # (T, V)
    return logits, [(part, arguments[0]) for part, arguments in calls]


def _within(index: int, count: int, what: str) -> int:
    """The index, if there are so many; a `SettingsProblem` if not."""
    if not 0 <= index < count:
        raise SettingsProblem(f"There is no {what} {index + 1}: there are {count}.")
    return index
