"""Switching heads of an encoder–decoder off: how many lines are still right, and the loss.

As in `ablation.py` both models are judged on the same held-out lines, so their difference is far more exact
than either number.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from lm.corpora.pairs import PairCorpus
from lm.evaluation import evaluation_mode, sum_of_weighted_losses
from lm.tasks.rewrite import Rewrite
from lm.tasks.task import read
from lm.tokenizers import Tokenizer

MOST = 512  # held-out lines that are judged
AT_ONCE = 64


@dataclass(frozen=True)
class PairCost:
    """What switching heads off costs, over the held-out lines judged so far.

    exact, loss: the share of answers exactly right and the nats per character, without the heads. before: the
    share with them. added: how much more the loss is. margin: the half-width of the 95 % interval of the change
    of the share. lines: how many were judged.
    """

    exact: float
    before: float
    loss: float
    added: float
    margin: float
    lines: int


def judging(corpus: PairCorpus, tokenizer: Tokenizer, context_length: int) -> Rewrite:
    """The task over the held-out lines alone: the others need not be read to judge a model."""
    held_out = dataclasses.replace(corpus, train=corpus.validation, longer=())
    return Rewrite(Rewrite.load(held_out, tokenizer), context_length, "cpu")


def cost_of_pairs(task: Rewrite, model: nn.Module, changed: nn.Module) -> Iterator[PairCost]:
    """Compare two models on the same held-out lines, and yield the cost so far after each `AT_ONCE` of them."""
    pairs = task.data.corpus_pairs[0]
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))[:MOST]
    # With the heads and without: 1 for each right answer, else 0.
    right: list[list[float]] = [[], []]
    losses, characters = [0.0, 0.0], 0.0
    for some in order.split(AT_ONCE):
        batch = task.rows(task.data.validation, some.numpy())
        assert batch.weights is not None
        characters += float(batch.weights.sum()) * task.characters_per_token
        sources = [pairs[row][0] for row in some.tolist()]
        for which, each in enumerate((model, changed)):
            with evaluation_mode(each), torch.inference_mode():
                scores = read(each, batch)
            losses[which] += sum_of_weighted_losses(scores, batch.targets, batch.weights)
            answers = task.rewriter(each, task.longest).rewrite(sources)
            right[which] += [
                float(answer.text in task.data.right[source])
                for source, answer in zip(sources, answers, strict=True)
            ]
        yield _cost(right, losses, characters)


def _cost(right: list[list[float]], losses: list[float], characters: float) -> PairCost:
    before, after = (torch.tensor(one) for one in right)  # (n,)
    n = len(after)
    changes = after - before
    margin = 1.96 * float(changes.std()) / math.sqrt(n) if n > 1 else math.inf
    return PairCost(
        exact=float(after.mean()),
        before=float(before.mean()),
        loss=losses[1] / characters,
        added=(losses[1] - losses[0]) / characters,
        margin=margin,
        lines=n,
    )
