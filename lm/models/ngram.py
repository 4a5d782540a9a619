"""Rung 0, the n-gram: count what followed what, and divide. No network, no gradient, no random numbers.

To guess the next character, look at the last n - 1, find every place where the text had just those, and see
what came then. The longer the context, the better the guess, and the fewer the places: every third run of
seven characters in a new text was never seen before. So each length is smoothed by the next shorter one:

    p(w | h) = (c(hw) - D) / c(h·)  +  backoff(h) · p(w | h')        down to 1 / V for all

where h' is the context h without its oldest character, c(hw) how often w followed h (0 if never; then no D is
taken off), c(h·) the sum over all w, and backoff(h) the probability that the discounts D set free. This is
interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999); how the counts and D come about is in
`lm/ngrams.py`. All that it knows are counts; the shares above are worked out when they are held.

It is what a network must beat. It has nothing to tune, takes seconds, and does better than every rung above
it until they are transformers, large enough and trained for long enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lm.ngrams import Counts, Shares
from lm.settings import Settings, Whole, setting


class NgramConfig(Settings):
    order: Whole = setting(
        7,
        title="Order",
        help="Characters in the longest pieces counted: the one to guess and those before it.",
        ge=1,
        le=7,
        step=1,
        unit="characters",
    )
    context_length: Whole = setting(
        1024,
        title="Context length",
        help="Characters read in a row. Each is guessed from the order - 1 before it in its row.",
        ge=1,
        le=1024,
        step=1,
        unit="characters",
    )


class Ngram(nn.Module):
    """log p(next | last order - 1 characters), from counts; before anything is counted, log 1/V."""

    def __init__(self, config: NgramConfig, vocab_size: int) -> None:
        super().__init__()
        self.order, self.vocab_size = config.order, vocab_size
        self.levels = nn.ModuleList()  # n-grams of length 1, 2, … as far as has been counted

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T) to the log-probability of each possible next token, (B, T, V)."""
        p = torch.full((*tokens.shape, self.vocab_size), 1 / self.vocab_size, device=tokens.device)
        # Numbers of the context that ends at each place, at first the empty one; -1 if it was never seen.
        context = torch.zeros_like(tokens)  # (B, T)
        before = context  # the same one place earlier
        for level in self.levels:
            assert isinstance(level, Level)
            p = level.refine(p, context)  # (B, T, V)
            context = level.find(before, tokens)  # now one character longer
            nothing = torch.full_like(context[:, :1], -1)  # what a row begins with has no context
            before = torch.cat([nothing, context[:, :-1]], dim=1)
        return p.log()

    def hold(self, counted: Sequence[Counts]) -> None:
        """Know these counts, of lengths 1, 2, …, in place of those before."""
        held: list[Level] = []
        for counts in counted:
            branches = np.bincount(counts.keys // self.vocab_size, minlength=counts.contexts)
            many = counts.counts >= MANY
            held.append(
                Level(
                    self.vocab_size,
                    characters=self._compact(counts.keys % self.vocab_size),
                    branches=self._compact(branches),
                    counts=torch.from_numpy(np.where(many, MANY, counts.counts).astype(np.uint8)),
                    large=torch.from_numpy(counts.counts[many]),
                )
            )
        self.levels = nn.ModuleList(held)

    def _compact(self, values: np.ndarray) -> Tensor:
        """Whole numbers up to V in as few bytes as they need."""
        return torch.from_numpy(values.astype(np.uint8 if self.vocab_size < 256 else np.int32))

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *others: Any
    ) -> None:
        """Hold saved counts, of whatever lengths and sizes. `RuntimeError` if they are damaged.

        PyTorch's hook for what has to be in place before the saved tensors are copied into it.
        """
        held: list[Level] = []
        for n in range(self.order):
            names = {part: f"{prefix}levels.{n}.{part}" for part in PARTS}
            if not set(names.values()) <= state_dict.keys():
                break
            parts = {part: state_dict[name].detach() for part, name in names.items()}
            level = Level(self.vocab_size, **parts)
            if len(level.branches) != (len(held[-1].characters) if held else 1):
                raise RuntimeError(f"the n-grams of length {n + 1} do not continue those before")
            held.append(level)
        self.levels = nn.ModuleList(held)
        super()._load_from_state_dict(state_dict, prefix, *others)


PARTS = ("characters", "branches", "counts", "large")  # of a level, as they are saved
MANY = 255  # counts of so many or more do not fit into a byte


class Level(nn.Module):
    """All n-grams of one length n: those with the same context stand side by side, by last character.

    Saved are counts, a byte or two for each n-gram: G of them, over as many contexts as there are n-grams
    of length n - 1, in their order. The rest is worked out from them.

    characters: (G,) the last character of each n-gram.
    branches: (contexts,) how many different characters followed each context.
    counts: (G,) how often each n-gram counts; 255 stands for the next number of
    large: (L,) the counts of 255 and more.
    """

    characters: Tensor
    branches: Tensor
    keys: Tensor  # (G,) context · V + last character, ascending
    first: Tensor  # (contexts,) where the n-grams of each context begin
    kept: Tensor  # (G,) the discounted count over the context's total
    backoff: Tensor  # (contexts,)

    def __init__(
        self, vocab_size: int, characters: Tensor, branches: Tensor, counts: Tensor, large: Tensor
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        parts = dict(zip(PARTS, (characters, branches, counts, large), strict=True))
        for name, tensor in parts.items():
            self.register_buffer(name, tensor)
        counted = _unpacked(vocab_size, parts)
        shares = Shares.of(counted, vocab_size)
        size = branches.long().cpu()
        derived = {
            "keys": torch.from_numpy(counted.keys),
            "first": size.cumsum(0) - size,
            "kept": torch.from_numpy(shares.kept).float(),
            "backoff": torch.from_numpy(shares.backoff).float(),
        }
        for name, tensor in derived.items():
            self.register_buffer(name, tensor.to(characters.device), persistent=False)

    def refine(self, p: Tensor, context: Tensor) -> Tensor:
        """p(w | h') for all w, (B, T, V), and numbers of contexts h, (B, T), -1 unseen, to p(w | h)."""
        if len(self.branches) == 1 and not context.any():  # the same for all, as the empty one is
            every = self.kept.new_zeros(self.vocab_size).scatter(
                0, self.characters.long(), self.kept
            )
            return p * self.backoff + every
        shape, context = p.shape, context.flatten()  # (N,) with N = B · T
        seen = context.clamp(min=0)
        backoff = torch.where(context >= 0, self.backoff[seen], 1.0)
        p = p.flatten(0, 1) * backoff[:, None]  # (N, V)
        # Every continuation of every context that was seen: its row, and its place among the n-grams.
        size = torch.where(context >= 0, self.branches[seen].long(), 0)  # (N,)
        row = torch.arange(len(size), device=size.device).repeat_interleave(size)  # (M,)
        begin = self.first[seen] - (size.cumsum(0) - size)  # (N,)
        place = torch.arange(len(row), device=size.device) + begin[row]  # (M,)
        cell = row * self.vocab_size + self.characters[place]  # (M,) all different
        return p.view(-1).scatter_add_(0, cell, self.kept[place]).view(shape)

    def find(self, context: Tensor, tokens: Tensor) -> Tensor:
        """The number of the n-gram (context, token), -1 if it was not seen; (B, T) each."""
        wanted = context * self.vocab_size + tokens
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return torch.where((context >= 0) & (self.keys[place] == wanted), place, -1)


def _unpacked(vocab_size: int, parts: Mapping[str, Tensor]) -> Counts:
    """A level's counts as they were before they were packed. `RuntimeError` if they do not fit together."""
    for name, tensor in parts.items():
        if tensor.dim() != 1 or tensor.is_floating_point():
            raise RuntimeError(f"{name} of n-grams must be a row of whole numbers")
    last, size, exact, large = (parts[name].to("cpu", torch.long, copy=True) for name in PARTS)
    if not (
        len(last) == len(exact) == int(size.sum())
        and int((exact == MANY).sum()) == len(large)
        and bool((size >= 0).all() and (exact >= 0).all() and (large >= MANY).all())
        and bool((last >= 0).all() and (last < vocab_size).all())
    ):
        raise RuntimeError("n-grams, their contexts and their counts do not match")
    exact[exact == MANY] = large
    keys = torch.arange(len(size)).repeat_interleave(size) * vocab_size + last
    if not bool((keys.diff() > 0).all()):
        raise RuntimeError("n-grams are not in their order")
    return Counts(keys.numpy(), exact.numpy(), len(size))
