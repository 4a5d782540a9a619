"""Sampling: from the model's scores to the next token, one token at a time.

The model gives every token a score. `temperature` sharpens or flattens the distribution, `top_k` keeps the k
likeliest tokens, `top_p` (Holtzman et al. 2020) the smallest set that holds probability p. Then one token is
drawn, and the text grows by it.

`Reader` decides which part of a text the model reads once the text is longer than its context. A model with a
key/value cache reads each token once; when its context is full, it goes on from the later half, or drops what
lies before its window (`lm/layers/rolling_cache.py`). A model without a cache reads the last `context_length`
tokens anew for each token, or fewer if its scores depend on fewer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from lm.errors import ScoresNotFinite, SettingsProblem
from lm.prompt import Begun
from lm.settings import Settings, Whole, setting


class SamplingConfig(Settings):
    temperature: float = setting(
        0.8,
        title="Temperature",
        help="0 always takes the likeliest; 1 draws with the model's own probabilities; higher is more random.",
        ge=0.0,
        le=2.0,
        step=0.05,
        group="run",
    )
    top_k: Whole = setting(
        0,
        title="Top-k",
        help="Draw from the k likeliest tokens only; 0 means all.",
        ge=0,
        le=1000,
        step=1,
        group="run",
        live_le=65,
    )
    top_p: float = setting(
        1.0,
        title="Top-p",
        help="Draw from the smallest set of tokens that holds this much probability.",
        ge=0.05,
        le=1.0,
        step=0.05,
        group="run",
    )
    max_new_tokens: Whole = setting(
        300,
        title="New tokens",
        help="How many tokens to write.",
        ge=1,
        le=100_000,
        step=1,
        unit="tokens",
        group="run",
        live_le=1000,
    )
    seed: Whole = setting(
        1,
        title="Seed",
        help="The same seed, model and prompt write the same text.",
        ge=0,
        le=2**31 - 1,
        step=1,
        group="run",
    )


@dataclass(frozen=True)
class GeneratedToken:
    """One token drawn: its id, and the distribution (V,) it was drawn from, after all filters."""

    id: int
    distribution: np.ndarray


def next_token_distribution(
    logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Tensor:
    """Scores (V,) to the probabilities (V,) that are drawn from; they sum to 1.

    Order: temperature, then top-k, then top-p. At temperature 0 all probability is on the highest
    score. The likeliest token always stays.
    """
    if temperature == 0:
        return torch.zeros_like(logits).scatter_(0, logits.argmax(keepdim=True), 1.0)
    scaled = (logits - logits.max()) / max(temperature, 1e-4)
    if top_k <= 0 and top_p >= 1:
        return scaled.softmax(dim=0)
    order = logits.argsort(descending=True, stable=True)  # of these: rounding below may make ties
    if top_k > 0:
        scaled[order[top_k:]] = -torch.inf
    probabilities = scaled.softmax(dim=0)
    if top_p < 1:
        ordered = probabilities[order]
        before = ordered.cumsum(dim=0) - ordered  # the probability of all that are likelier
        probabilities[order[1:][before[1:] >= top_p]] = 0.0
        probabilities = probabilities / probabilities.sum()
    return probabilities


class Cache(Protocol):
    """What a model keeps of texts that it has read."""

    tokens: Tensor | None  # the texts, (B, length); None if there are none yet
    rolls: bool  # whether they may be longer than the context; then it drops what nobody looks at

    @property
    def length(self) -> int:
        """The number of positions held."""
        ...

    def clear(self) -> None:
        """Forget the texts."""
        ...


@runtime_checkable
class Caching(Protocol):
    """A model that can go on from what it has read: `model(tokens, cache)` reads only the new tokens."""

    def new_cache(self) -> Cache | None:
        """An empty cache, for texts of up to context_length tokens; None if this model cannot use one."""
        ...


@runtime_checkable
class Nearsighted(Protocol):
    """A model whose scores depend on the last few tokens alone, however long its context."""

    @property
    def reach(self) -> int:
        """The number of these tokens."""
        ...


class Reader:
    """Reads B texts that grow together, and gives the scores of the next token.

    With a cache, at most context_length tokens are read; when there are more, the model reads the later half of
    them anew, and positions, learned or rotary, count from there. So it always sees between half of its context
    and the whole, and pays for each token one position, plus half a context every half a context. The scores
    equal `model(window)[:, -1]`, which reads the same window without a cache.

    With a cache that rolls, each token costs one position, and the text may be of any length.
    """

    def __init__(self, model: nn.Module, context_length: int) -> None:
        self.model = model
        self.context_length = (
            min(context_length, model.reach) if isinstance(model, Nearsighted) else context_length
        )
        self._cache = model.new_cache() if isinstance(model, Caching) else None
        self._pieces: list[Tensor] = []  # of the window, (B, n) each

    @property
    def window(self) -> Tensor:
        """The tokens that the next scores depend on, (B, ≤ context_length)."""
        return torch.cat(self._pieces, dim=1)

    def read(self, tokens: Tensor) -> Tensor:
        """Go on with tokens (B, n), n ≥ 1, and return the scores after the last of them, (B, V)."""
        T = self.context_length
        tokens = tokens[:, -T:]
        self._pieces.append(tokens)
        if self._cache is None:
            self._pieces = [self.window[:, -T:]]
            return self.model(self._pieces[0])[:, -1]
        if self._cache.rolls:
            return self._roll(tokens, self._cache)
        n = tokens.shape[1]
        if self._cache.length + n > T:  # full: go on from the later half
            self._cache.clear()
            tokens = self.window[:, -max(n, T // 2) :]
            self._pieces = [tokens]
        return self.model(tokens, self._cache)[:, -1]

    def _roll(self, tokens: Tensor, cache: Cache) -> Tensor:
        """As `read`, with a cache that rolls: one token at a time past the context."""
        self._pieces = [self.window[:, -self.context_length :]]
        within = max(0, self.context_length - cache.length)
        for part in (tokens[:, :within], *tokens[:, within:].split(1, dim=1)):
            if part.shape[1]:
                scores = self.model(part, cache)  # (B, n, V)
        return scores[:, -1]


@torch.inference_mode()
def generate(
    model: nn.Module,
    prompt: Tensor,
    context_length: int,
    sampling: SamplingConfig,
    begun: Begun | None = None,
) -> Iterator[GeneratedToken]:
    """Continue `prompt` (T,), T ≥ 1, one token at a time. begun: tokens that may come first, if not all may.

    A prompt may be longer than `context_length`, and the text may grow past it; see `Reader`. Dropout is
    off while sampling, and the model's mode is restored at the end. Draws come from a generator of their own,
    so that sampling in the middle of a training run does not change the run.
    """
    if len(prompt) == 0:
        raise SettingsProblem(
            "There is nothing to continue: give a prompt of at least one character."
        )
    draw = torch.Generator().manual_seed(sampling.seed)
    reader, new, was_training = Reader(model, context_length), prompt, model.training
    try:
        for _ in range(sampling.max_new_tokens):
            if model.training:  # at first, or because the caller trained it between two tokens
                model.eval()
            logits = reader.read(new[None])[0].float().cpu()  # (V,)
            if not math.isfinite(logits.sum()):
                raise ScoresNotFinite
            allowed = begun and begun.allowed()
            if allowed is not None:
                logits = logits.masked_fill(~torch.from_numpy(allowed), -torch.inf)
            distribution = next_token_distribution(
                logits, sampling.temperature, sampling.top_k, sampling.top_p
            )
            token = torch.multinomial(distribution, 1, generator=draw)  # (1,)
            if begun:
                begun.take(int(token))
            yield GeneratedToken(int(token), distribution.numpy())
            new = token.to(prompt.device)
    finally:
        model.train(was_training)


@torch.inference_mode()
def choices_of(
    model: nn.Module, prompt: Tensor, written: Tensor, context_length: int, sampling: SamplingConfig
) -> np.ndarray:
    """(N, V): the distribution that each of `written` (N,) was drawn from, if `model` wrote it after `prompt`.

    The model reads as `generate` does, but what was written is given instead of drawn.
    """
    reader, new, found, was_training = Reader(model, context_length), prompt, [], model.training
    model.eval()
    try:
        for token in written:
            logits = reader.read(new[None])[0].float().cpu()  # (V,)
            found.append(
                next_token_distribution(
                    logits, sampling.temperature, sampling.top_k, sampling.top_p
                )
            )
            new = token[None]
    finally:
        model.train(was_training)
    return torch.stack(found).numpy() if found else np.zeros((0, 0), np.float32)
