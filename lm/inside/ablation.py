"""Switching a head off: what the model loses without it.

A head adds a weighted sum of its values. With value matrices of zeros that sum is zero wherever the head looks,
and nothing else of the model changes (Michel et al. 2019, "Are sixteen heads really better than one?").
"""

import contextlib
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.errors import SettingsProblem
from lm.evaluation import evaluation_mode
from lm.given import given_to
from lm.inside.inspection import attention_layers

Head = tuple[int, int]  # layer and head, both counted from 0

EXACT = 0.01  # nats; the half-width of the interval that holds the true cost with 95 % probability
ROWS = 4096  # tokens read at once


def without_heads(model: nn.Module, heads: Collection[Head]) -> nn.Module:
    """A copy of the model in which these heads add nothing. `SettingsProblem` if it does not have them."""
    check_heads(model, heads)
    changed = copy.deepcopy(model)
    layers = attention_layers(changed)
    with torch.no_grad():
        for layer, head in heads:
            layers[layer].value_matrices()[head].zero_()
    return changed


def check_heads(model: nn.Module, heads: Collection[Head]) -> None:
    """Raise a `SettingsProblem` if the model does not have one of these heads."""
    layers = attention_layers(model)
    for layer, head in heads:
        count = len(layers[layer].value_matrices()) if 0 <= layer < len(layers) else 0
        if not 0 <= head < count:
            raise SettingsProblem(f"There is no head {head + 1} in layer {layer + 1}.")


@dataclass(frozen=True)
class Cost:
    """What switching heads off costs, in nats per character.

    loss: without the heads, over the characters read. added: how much more that is than with them. margin: the
    half-width of the 95 % interval of `added`. characters: how many were predicted.
    """

    loss: float
    added: float
    margin: float
    characters: int


@torch.inference_mode()
def cost_of(
    model: nn.Module,
    changed: nn.Module,
    tokens: Tensor,
    context_length: int,
    exact: float = EXACT,
    characters_per_token: float = 1.0,
) -> Iterator[Cost]:
    """Compare two models on the same windows of `tokens` (N,), and yield the cost so far after each batch.

    Windows are taken evenly from all of the text. Both models predict the same tokens, so the difference is
    far more exact than either loss. Ends when `margin` is below `exact`, or with the text.
    """
    T = min(context_length, len(tokens) - 1)
    starts = torch.arange(0, len(tokens) - T, T)
    # The order in which windows are read: spread over the text, so that any part of them is a fair sample.
    starts = starts[torch.randperm(len(starts), generator=torch.Generator().manual_seed(0))]
    rows = max(1, ROWS // T)
    losses: list[Tensor] = []  # of each window without the heads, (n,)
    added: list[Tensor] = []
    with contextlib.ExitStack() as modes:
        for each in (model, changed):
            modes.enter_context(evaluation_mode(each))
        for some in starts.split(rows):
            windows = tokens[some[:, None] + torch.arange(T + 1)]  # (n, T + 1)
            before, after = (_losses(each, windows) for each in (model, changed))  # (n,)
            losses.append(after)
            added.append(after - before)
            differences = torch.cat(added)
            n = len(differences)
            margin = 1.96 * float(differences.std()) / n**0.5 if n > 1 else float("inf")
            loss, more = float(torch.cat(losses).mean()), float(differences.mean())
            loss, more, margin = (one / characters_per_token for one in (loss, more, margin))
            yield Cost(loss, more, margin, round(n * T * characters_per_token))
            if n >= 30 and margin < exact:
                return


def _losses(model: nn.Module, windows: Tensor) -> Tensor:
    """Windows (n, T + 1) to the mean loss of each, (n,), in float64."""
    given = given_to(model)
    logits = model(windows[:, :-1])[:, given:]  # (n, T, V)
    losses = F.cross_entropy(logits.transpose(1, 2), windows[:, 1 + given :], reduction="none")
    return losses.cpu().double().mean(dim=1)
