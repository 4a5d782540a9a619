"""A network and counted n-grams averaged: p = (1 - share) · p_network + share · p_counts.

The two are trained apart and averaged afterwards, as Bengio et al. did (2003, section 4), where the model is
judged and where it writes. Training sees the network alone: counts fit their own text far too well to learn
beside them.
"""

import math

import torch
from torch import Tensor, nn

from lm.generation import Cache, Caching
from lm.models.ngram import Ngram, NgramConfig
from lm.plan import Plan

COUNTED = "ngram."  # begins the names of the counts in a snapshot


class Mixture(nn.Module):
    """log p of the average of `network` and `ngram`; `share` (0 to 1) is the weight of the counts."""

    def __init__(self, network: nn.Module, ngram: Ngram, share: float) -> None:
        super().__init__()
        self.network, self.ngram, self.share = network, ngram, share

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the log-probability of each possible next token, (B, T, V)."""
        return self.average(self.network(tokens), self.ngram(tokens))

    def average(self, logits: Tensor, counted: Tensor) -> Tensor:
        """The network's logits and the counts' log-probabilities, (B, T, V) each, to those of their average."""
        learned = logits.log_softmax(dim=-1)
        return torch.logaddexp(learned + math.log(1 - self.share), counted + math.log(self.share))


class CachingMixture(Mixture):
    """A mixture whose network has a key/value cache, for writing."""

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """As `Mixture`; with a cache, the tokens continue the text that it holds, and are added to it."""
        logits, T = self.network(tokens, cache), tokens.shape[1]
        text = tokens if cache is None or cache.tokens is None else cache.tokens  # (B, length)
        recent = text[:, -(T + self.ngram.order - 1) :]
        return self.average(logits, self.ngram(recent)[:, -T:])

    def new_cache(self) -> Cache | None:
        """The network's cache, empty; None if it cannot use one."""
        return self.network.new_cache()  # type: ignore[operator]


def with_counts(network: nn.Module, plan: Plan, vocab_size: int) -> nn.Module:
    """The model as it is judged and as it writes: the network, or its mixture if the plan asks for one."""
    share = plan.training.counted_share()
    if not share:
        return network
    kind = CachingMixture if isinstance(network, Caching) else Mixture
    return kind(network, Ngram(NgramConfig(), vocab_size), share)


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """The live tensors of a model by name; in a mixture, those of the counts after "ngram."."""
    if not isinstance(model, Mixture):
        return model.state_dict()
    return model.network.state_dict() | model.ngram.state_dict(prefix=COUNTED)


def load_weights(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put the tensors of `weights_of` into a model. `RuntimeError` if they do not fit."""
    if not isinstance(model, Mixture):
        model.load_state_dict(tensors)
        return
    model.network.load_state_dict({n: t for n, t in tensors.items() if not n.startswith(COUNTED)})
    model.ngram.load_state_dict(counts_among(tensors))


def counts_among(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the n-gram model among those of `weights_of`, by its own names."""
    return {n.removeprefix(COUNTED): t for n, t in tensors.items() if n.startswith(COUNTED)}
