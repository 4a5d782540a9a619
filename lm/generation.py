"""Writing: from scores to the next character, again and again.

The model gives every character a score. `temperature` sharpens or flattens the distribution, `top_k` keeps the
k likeliest, `top_p` (Holtzman et al. 2020) the smallest set that holds probability p; then one is drawn. The
text grows by it and the model reads again, at most the last `context_length` characters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lm.errors import Diverged, SettingsProblem
from lm.settings import Settings, Whole, setting


class SamplingConfig(Settings):
    temperature: float = setting(
        0.8,
        title="Temperature",
        help="0 takes the likeliest every time; 1 is the model's own taste; above, it gets bold.",
        ge=0.0,
        le=2.0,
        step=0.05,
        group="run",
    )
    top_k: Whole = setting(
        0,
        title="Top-k",
        help="Draw among the k likeliest characters only; 0 means all.",
        ge=0,
        le=1000,
        step=1,
        group="run",
        live_le=65,
    )
    top_p: float = setting(
        1.0,
        title="Top-p",
        help="Draw from the smallest set of characters that holds this much probability.",
        ge=0.05,
        le=1.0,
        step=0.05,
        group="run",
    )
    max_new_tokens: Whole = setting(
        300,
        title="New tokens",
        help="How many characters to write.",
        ge=1,
        le=100_000,
        step=10,
        unit="characters",
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

    @property
    def probability(self) -> float:
        """How likely this token was, 0 to 1."""
        return float(self.distribution[self.id])


def next_token_distribution(
    logits: Tensor, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Tensor:
    """Scores (V,) to the probabilities (V,) that are drawn from; they sum to 1.

    Order: temperature, then top-k, then top-p. At temperature 0 all probability is on the highest
    score. The likeliest token always stays.
    """
    if temperature == 0:
        return torch.zeros_like(logits).scatter_(0, logits.argmax(keepdim=True), 1.0)
    order = logits.argsort(descending=True, stable=True)  # rounding below makes no ties of these
    scaled = (logits - logits.max()) / max(temperature, 1e-4)
    if top_k > 0:
        scaled[order[top_k:]] = -torch.inf
    probabilities = scaled.softmax(dim=0)
    if top_p < 1:
        ordered = probabilities[order]
        before = ordered.cumsum(dim=0) - ordered  # what stood ahead of each, in order of likelihood
        probabilities[order[1:][before[1:] >= top_p]] = 0.0
        probabilities = probabilities / probabilities.sum()
    return probabilities


@torch.inference_mode()
def generate(
    model: nn.Module, prompt: Tensor, context_length: int, sampling: SamplingConfig
) -> Iterator[GeneratedToken]:
    """Continue `prompt` (T,), T ≥ 1, one token at a time.

    Only the last `context_length` tokens are read: a prompt may be longer and the text may grow past it.
    Dropout is off while sampling; the model's mode is put back at the end. Draws come from a generator
    of their own, so that sampling in the middle of a training run does not change the run.
    """
    if len(prompt) == 0:
        raise SettingsProblem(
            "There is nothing to continue: give a prompt of at least one character."
        )
    draw = torch.Generator().manual_seed(sampling.seed)
    window, was_training = prompt[-context_length:], model.training
    try:
        for _ in range(sampling.max_new_tokens):
            model.eval()
            logits = model(window[None])[0, -1].float().cpu()  # (V,)
            if not logits.isfinite().all():
                raise Diverged(
                    "The model's scores are no longer numbers, so it cannot write: its loss ran away. "
                    "Look at an earlier snapshot, or train it again with a lower learning rate."
                )
            distribution = next_token_distribution(
                logits, sampling.temperature, sampling.top_k, sampling.top_p
            )
            token = torch.multinomial(distribution, 1, generator=draw)
            yield GeneratedToken(int(token), distribution.numpy())
            window = torch.cat([window, token.to(window.device)])[-context_length:]
    finally:
        model.train(was_training)
