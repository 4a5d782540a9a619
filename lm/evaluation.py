"""How good is it, exactly: the loss over the *whole* validation split.

The loss is cross-entropy: minus the natural logarithm of the probability that the model gave to the
character that came, averaged; its unit is the nat. Every character of the split is predicted once, in
windows that do not overlap, so two calls give the same number and no lucky batch flatters. A model is
judged at its own context length: the first characters of each window have little to look back on.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Evaluation:
    """The mean loss in nats per token, the same in bits per character, and over how many tokens."""

    loss: float
    bits_per_char: float
    tokens: int


def evaluate(
    model: nn.Module,
    tokens: Tensor,
    context_length: int,
    *,
    characters: int | None = None,
    batch_size: int | None = None,
) -> Evaluation:
    """The loss of `model` over all of `tokens` (N,), each but the first predicted once.

    `characters` is how many characters those N - 1 tokens spell (the same number, for characters).
    The batch size changes the speed, not the result.
    """
    parts = evaluate_in_parts(
        model, tokens, context_length, characters=characters, batch_size=batch_size
    )
    while True:
        try:
            next(parts)
        except StopIteration as finished:
            return finished.value


def evaluate_in_parts(
    model: nn.Module,
    tokens: Tensor,
    context_length: int,
    *,
    characters: int | None = None,
    batch_size: int | None = None,
) -> Generator[float, None, Evaluation]:
    """`evaluate`, handing control back between batches with the share that is done (0 to 1)."""
    T = context_length
    rows = batch_size or max(1, 4096 // T)
    predicted = len(tokens) - 1
    whole = predicted // T  # windows of full length; what is left over makes one shorter window
    inputs, targets = tokens[: whole * T].view(-1, T), tokens[1 : whole * T + 1].view(-1, T)
    batches = list(zip(inputs.split(rows), targets.split(rows), strict=True))
    if predicted % T:
        batches.append((tokens[None, whole * T : -1], tokens[None, whole * T + 1 :]))

    was_training, total = model.training, 0.0
    model.eval()
    try:
        for number, (x, y) in enumerate(batches, start=1):
            with torch.inference_mode():
                total += sum_of_losses(model(x), y)
            yield number / len(batches)
    finally:
        model.train(was_training)
    nats = total / predicted
    bits = total / (characters or predicted) / math.log(2)
    return Evaluation(loss=nats, bits_per_char=bits, tokens=predicted)


def sum_of_losses(logits: Tensor, targets: Tensor) -> float:
    """Scores (B, T, V) and what came (B, T) to the summed loss in nats, added up in float64."""
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")  # (B·T,)
    return losses.cpu().double().sum().item()  # not every device knows float64
