"""The exact loss over the validation split.

The loss is cross-entropy: minus the natural logarithm of the probability that the model gave to the token that
came, summed over the split and divided by the number of characters that these tokens spell. Its unit is the nat
per character, so that models with different tokenizers can be compared. Every token is predicted once, in
windows that do not overlap, so two calls give the same number and no random batch flatters the model. A model
is judged at its own context length: the first tokens of each window have little context.

The split is read as a whole, or, of more than `MOST_TOKENS` tokens, in windows spread evenly over it: a book of
50 MB would take a larger model minutes each time. With that many, the loss is known to about 0.004 nats.

Several processes can share an evaluation out: they read the batches in turn and add their sums up.
"""

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lm.devices import device_of
from lm.given import given_to, overlapping

MOST_TOKENS = 250_000  # that one evaluation predicts
MOST_SCORES = 2**23  # that the model gives at once, which bounds the memory


@dataclass(frozen=True)
class Evaluation:
    """The mean loss in nats per character, the same in bits, and the number of tokens predicted.

    characters: how many these tokens spell. whole: whether they are all of the split but the first. scores:
    what else the task judges, by name; of lines that are rewritten, "exact" is the share exactly right.
    """

    loss: float
    bits_per_char: float
    tokens: int
    characters: int
    whole: bool = True
    scores: Mapping[str, float] = field(default_factory=dict)


class Readers(Protocol):
    """The processes that read the batches of an evaluation, seen by one of them."""

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    @property
    def sharded(self) -> bool:
        """Whether each keeps a part of the model only, so that all must read equally many batches."""
        ...

    def sum(self, *numbers: float) -> list[float]:
        """The sums of the numbers that each process gives."""
        ...


class Alone:
    """One process that reads all."""

    rank, size, sharded = 0, 1, False

    def sum(self, *numbers: float) -> list[float]:
        """The numbers themselves."""
        return list(numbers)


@runtime_checkable
class SharedOut(Protocol):
    """A task whose evaluation several processes can share out."""

    readers: Readers


def evaluate(
    model: nn.Module,
    tokens: Tensor,
    context_length: int,
    *,
    count_characters: Callable[[Tensor], int] = len,
    vocab_size: int = 1,
    batch_size: int | None = None,
) -> Evaluation:
    """The loss of `model` over `tokens` (N,), each but the first predicted once.

    count_characters: how many characters tokens (M,) spell; one each if left out.
    vocab_size: the number of scores for each token, which bounds the windows read at once.
    batch_size: that number itself; it changes the speed, not the result.
    """
    parts = evaluate_in_parts(
        model,
        tokens,
        context_length,
        count_characters=count_characters,
        vocab_size=vocab_size,
        batch_size=batch_size,
    )
    return result_of(parts, lambda share: None)


def result_of(
    parts: Generator[float, None, Evaluation], tell: Callable[[float], object]
) -> Evaluation:
    """The result of an evaluation in parts, all of them done; `tell` is called with the share after each."""
    while True:
        try:
            tell(next(parts))
        except StopIteration as finished:
            return finished.value


def evaluate_in_parts(
    model: nn.Module,
    tokens: Tensor,
    context_length: int,
    *,
    count_characters: Callable[[Tensor], int] = len,
    vocab_size: int = 1,
    batch_size: int | None = None,
    readers: Readers | None = None,
) -> Generator[float, None, Evaluation]:
    """`evaluate` as a generator: yields the share that is done (0 to 1) after each batch.

    readers: the processes that share the batches out. They read in rounds, a batch each, and all take part in
    each round: a model whose weights are spread over them needs all of them.
    """
    readers = readers or Alone()
    T = context_length
    rows = batch_size or rows_at_once(T, vocab_size)
    given = given_to(model)
    batches = list(_batches(tokens, T, rows, given))
    total, predicted, characters = 0.0, 0, 0
    where = device_of(model)
    rounds = math.ceil(len(batches) / readers.size)
    with evaluation_mode(model):
        for number in range(rounds):
            place = number * readers.size + readers.rank
            x, y = batches[min(place, len(batches) - 1)]
            # The ids of a token file are smaller integers.
            x, y = x.to(where).long(), y.to(where).long()
            with torch.inference_mode():
                losses = sum_of_losses(model(x), y)
            if place < len(batches):  # in the last round, some read what others count
                total += losses
                predicted += y.numel()
                characters += count_characters(y.flatten())
            yield (number + 1) / rounds
    total, *counted = readers.sum(total, predicted, characters)
    predicted, characters = map(int, counted)
    loss = total / characters
    whole = predicted == len(tokens) - 1 - given
    return Evaluation(loss, loss / math.log(2), predicted, characters, whole)


def loss_of_windows(model: nn.Module, windows: Tensor, vocab_size: int) -> float:
    """The mean loss over windows (n, T + 1), in nats per token: the first token of each is only read."""
    total, rows, given = 0.0, rows_at_once(windows.shape[1] - 1, vocab_size), given_to(model)
    with evaluation_mode(model), torch.inference_mode():
        for some in windows.split(rows):
            some = some.to(device_of(model)).long()
            total += sum_of_losses(model(some[:, :-1]), some[:, 1 + given :])
    return total / windows[:, 1 + given :].numel()


def rows_at_once(T: int, vocab_size: int) -> int:
    """Windows of T tokens that are read at once."""
    return max(1, min(4096 // T, MOST_SCORES // (T * vocab_size)))


def _batches(tokens: Tensor, T: int, rows: int, given: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows of tokens (N,) as inputs and targets, (rows, T) or less each: all, or `MOST_TOKENS` of them.

    given: the first predictions of a window, which do not count (`lm/given.py`).
    """
    if given:
        yield from overlapping(tokens, T, rows, given, MOST_TOKENS)
        return
    predicted = len(tokens) - 1
    whole = predicted // T  # windows of full length; the remaining tokens make one shorter window
    inputs, targets = tokens[: whole * T].view(-1, T), tokens[1 : whole * T + 1].view(-1, T)
    if predicted > MOST_TOKENS:
        read = max(1, MOST_TOKENS // T)
        spread = torch.arange(read, device=tokens.device) * whole // read  # (read,) ascending
        inputs, targets = inputs[spread], targets[spread]
    yield from zip(inputs.split(rows), targets.split(rows), strict=True)
    if predicted % T and predicted <= MOST_TOKENS:
        yield tokens[None, whole * T : -1], tokens[None, whole * T + 1 :]


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
    """Logits (B, T, V) and targets (B, ≤ T), of the last, to the summed loss in nats, added up in float64."""
    logits = logits[:, -targets.shape[1] :]
    losses = F.cross_entropy(logits.flatten(0, 1), targets.reshape(-1), reduction="none")  # (B·T,)
    return losses.cpu().double().sum().item()  # not every device knows float64


def sum_of_weighted_losses(logits: Tensor, targets: Tensor, weights: Tensor) -> float:
    """As `sum_of_losses`, each loss counted with its weight, (B, T)."""
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")  # (B·T,)
    return (losses.cpu().double() * weights.flatten().cpu()).sum().item()
