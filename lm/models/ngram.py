"""Rung 0, the n-gram: count which character followed each context, and divide. No network, no gradient.

To predict the next character, take the last n - 1 characters, find all their occurrences in the text, and
count which character followed. A longer context predicts better but occurs less often: of all sequences of
seven characters in a new text, a third never occurred in training. So each length is smoothed by the next
shorter one, down to 1/V for every character:

    p(w | h) = (c(hw) - D) / c(h·)  +  backoff(h) p(w | h')

h is the context, h' the same without its oldest character, c(hw) the count of w after h (0 if never; then
D is 0), c(h·) the sum over all w, and backoff(h) the probability that the discounts D set free. `lm/ngrams.py`
counts, and explains D.

A network must beat this model. It takes seconds and has nothing to tune, and only transformers that are
large enough and trained for long enough reach a lower loss.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lm.ngrams import Counts, Discounted
from lm.settings import Settings, Whole, setting


class NgramConfig(Settings):
    order: Whole = setting(
        7,
        title="Order",
        help="Length of the longest n-grams: the predicted token and those before it.",
        ge=1,
        le=7,
        step=1,
        unit="tokens",
    )
    context_length: Whole = setting(
        1024,
        title="Context length",
        help="Tokens read in a row. Each is predicted from the order - 1 before it in its row.",
        ge=1,
        le=1024,
        step=1,
        unit="tokens",
    )


class Ngram(nn.Module):
    """log p(next | last order - 1 characters), from counts; before anything is counted, log 1/V."""

    def __init__(self, config: NgramConfig, vocab_size: int) -> None:
        super().__init__()
        self.order, self.vocab_size = config.order, vocab_size
        self.levels = nn.ModuleList()  # n-grams of length 1, 2, …, as far as they are counted
        self.register_load_state_dict_pre_hook(_make_levels)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the log-probability of each possible next token, (B, T, V)."""
        p = torch.full((*tokens.shape, self.vocab_size), 1 / self.vocab_size, device=tokens.device)
        context = torch.zeros_like(tokens)  # (B, T) the empty context, number 0, ends at each token
        previous = context  # (B, T) the context that ends one token earlier
        for level in self.levels:
            assert isinstance(level, Level)
            p = level.interpolate(p, context)  # (B, T, V)
            context = level.find(previous, tokens)  # (B, T), now one token longer
            unseen = torch.full_like(context[:, :1], -1)  # nothing precedes a row
            previous = torch.cat([unseen, context[:, :-1]], dim=1)  # (B, T)
        return p.log()

    @property
    def reach(self) -> int:
        """The last tokens on which the scores depend; at least one is read."""
        return max(1, self.order - 1)

    def set_counts(self, counts: Sequence[Counts]) -> None:
        """Replace all counts by these, of lengths 1, 2, …"""
        self.levels = nn.ModuleList(
            Level(self.vocab_size, **_packed(c, self.vocab_size)) for c in counts
        )


class Level(nn.Module):
    """All n-grams of one length n, sorted by context, then by last character.

    Saved are counts, a byte or two for each n-gram: G of them, over as many contexts as there are n-grams
    of length n - 1, in their order. The probabilities are derived from them.

    characters: (G,) the last character of each n-gram.
    branches: (contexts,) the number of different characters that followed each context.
    counts: (G,) the count of each n-gram; 255 stands for the next number of
    large: (L,) the counts of 255 and more.
    """

    characters: Tensor
    branches: Tensor
    keys: Tensor  # (G,) context · V + last character, ascending
    first: Tensor  # (contexts,) the number of each context's first n-gram
    share: Tensor  # (G,) (c(hw) - D) / c(h·)
    backoff: Tensor  # (contexts,)

    def __init__(
        self, vocab_size: int, characters: Tensor, branches: Tensor, counts: Tensor, large: Tensor
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        saved = dict(zip(SAVED, (characters, branches, counts, large), strict=True))
        for name, tensor in saved.items():
            self.register_buffer(name, tensor)
        unpacked = _unpacked(saved, vocab_size)
        discounted = Discounted.of(unpacked, vocab_size)
        size = branches.long().cpu()
        derived = {
            "keys": torch.from_numpy(unpacked.keys),
            "first": size.cumsum(0) - size,
            "share": torch.from_numpy(discounted.share).float(),
            "backoff": torch.from_numpy(discounted.backoff).float(),
        }
        for name, tensor in derived.items():
            self.register_buffer(name, tensor.to(characters.device), persistent=False)

    def find(self, context: Tensor, tokens: Tensor) -> Tensor:
        """The number of the n-gram (context, token), -1 if it was never seen; (B, T) each."""
        wanted = context * self.vocab_size + tokens
        index = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return torch.where((context >= 0) & (self.keys[index] == wanted), index, -1)

    def interpolate(self, p: Tensor, context: Tensor) -> Tensor:
        """p(w | h') for all w, (B, T, V), and the number of each h, (B, T), -1 if unseen, to p(w | h)."""
        if len(self.branches) == 1 and not context.any():  # empty contexts: one row for all
            share = self.share.new_zeros(self.vocab_size)
            return share.scatter(0, self.characters.long(), self.share) + self.backoff * p
        shape, context = p.shape, context.flatten()  # (N,) with N = B · T
        seen, known = context >= 0, context.clamp(min=0)
        backoff = torch.where(seen, self.backoff[known], 1.0)  # (N,)
        p = backoff[:, None] * p.flatten(0, 1)  # (N, V)
        # Add the share of every n-gram hw that was counted: M of them, as many as each h has branches.
        branches = torch.where(seen, self.branches[known].long(), 0)  # (N,)
        row = torch.arange(len(branches), device=p.device).repeat_interleave(branches)  # (M,)
        skipped = branches.cumsum(0) - branches  # (N,) n-grams of the rows above
        ngram = torch.arange(len(row), device=p.device) + (self.first[known] - skipped)[row]  # (M,)
        cell = row * self.vocab_size + self.characters[ngram]  # (M,) all different
        return p.view(-1).scatter_add_(0, cell, self.share[ngram]).view(shape)


SAVED = ("characters", "branches", "counts", "large")  # the tensors of a level in a checkpoint
LARGE = 255  # counts of so many or more do not fit into a byte


def _packed(counts: Counts, vocab_size: int) -> dict[str, Tensor]:
    """The saved tensors of a level: whole numbers up to V in as few bytes as they need."""
    character = np.uint8 if vocab_size < 256 else np.int32
    branches = np.bincount(counts.keys // vocab_size, minlength=counts.contexts)
    parts = (
        (counts.keys % vocab_size).astype(character),
        branches.astype(character),
        np.minimum(counts.counts, LARGE).astype(np.uint8),
        counts.counts[counts.counts >= LARGE],
    )
    return dict(zip(SAVED, map(torch.from_numpy, parts), strict=True))


def _unpacked(saved: Mapping[str, Tensor], vocab_size: int) -> Counts:
    """The inverse of `_packed`. `RuntimeError` if the tensors do not fit together."""
    for name, tensor in saved.items():
        if tensor.dim() != 1 or tensor.is_floating_point():
            raise RuntimeError(f"{name} of n-grams must be a row of whole numbers")
    last, branches, counts, large = (saved[name].to("cpu", torch.long, copy=True) for name in SAVED)
    if not (
        len(last) == len(counts) == int(branches.sum())
        and int((counts == LARGE).sum()) == len(large)
        and bool((branches >= 0).all() and (counts >= 0).all() and (large >= LARGE).all())
        and bool((last >= 0).all() and (last < vocab_size).all())
    ):
        raise RuntimeError("n-grams, their contexts and their counts do not match")
    counts[counts == LARGE] = large
    keys = torch.arange(len(branches)).repeat_interleave(branches) * vocab_size + last
    if not bool((keys.diff() > 0).all()):
        raise RuntimeError("n-grams are not in ascending order")
    return Counts(keys.numpy(), counts.numpy(), len(branches))


def _make_levels(model: Ngram, state: Mapping[str, Any], prefix: str, *_: Any) -> None:
    """Make levels of the saved sizes, before torch copies saved tensors into them.

    `RuntimeError` if the saved tensors are damaged.
    """
    levels: list[Level] = []
    for n in range(model.order):
        names = {part: f"{prefix}levels.{n}.{part}" for part in SAVED}
        if not set(names.values()) <= state.keys():
            break
        level = Level(
            model.vocab_size, **{part: state[name].detach() for part, name in names.items()}
        )
        if len(level.branches) != (len(levels[-1].characters) if levels else 1):
            raise RuntimeError(f"the n-grams of length {n + 1} do not continue those before")
        levels.append(level)
    model.levels = nn.ModuleList(levels)
