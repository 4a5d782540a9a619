"""The exact loss over the *whole* validation split.

The loss is cross-entropy: minus the natural logarithm of the probability that the model gave to the token that
came, summed over the split and divided by the number of characters that these tokens spell. Its unit is the nat
per character, so that models with different tokenizers can be compared. Every token is predicted once, in
windows that do not overlap, so two calls give the same number and no random batch flatters the model. A model
is judged at its own context length: the first tokens of each window have little context.
"""

import contextlib
import math
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Evaluation:
    """The mean loss in nats per character, the same in bits, and the number of tokens predicted."""

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

    characters: how many characters those N - 1 tokens spell; if None, one each.
    batch_size: windows read at once; it changes the speed, not the result.
    """
    return completed(
        evaluate_in_parts(
            model, tokens, context_length, characters=characters, batch_size=batch_size
        )
    )


def completed(parts: Generator[float, None, Evaluation]) -> Evaluation:
    """The result of an evaluation in parts, all of them done."""
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
    """`evaluate` as a generator: yields the share that is done (0 to 1) after each batch."""
    T = context_length
    rows = batch_size or max(1, 4096 // T)
    predicted = len(tokens) - 1
    whole = predicted // T  # windows of full length; the remaining tokens make one shorter window
    inputs, targets = tokens[: whole * T].view(-1, T), tokens[1 : whole * T + 1].view(-1, T)
    batches = list(zip(inputs.split(rows), targets.split(rows), strict=True))
    if predicted % T:
        batches.append((tokens[None, whole * T : -1], tokens[None, whole * T + 1 :]))

    total = 0.0
    with evaluation_mode(model):
        for number, (x, y) in enumerate(batches, start=1):
            with torch.inference_mode():
                total += sum_of_losses(model(x), y)
            yield number / len(batches)
    loss = total / (characters or predicted)
    return Evaluation(loss=loss, bits_per_char=loss / math.log(2), tokens=predicted)


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Dropout is off inside; the model's mode is restored at the end."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def sum_of_losses(logits: Tensor, targets: Tensor) -> float:
    """Logits (B, T, V) and targets (B, T) to the summed loss in nats, added up in float64."""
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")  # (B·T,)
    return losses.cpu().double().sum().item()  # not every device knows float64
