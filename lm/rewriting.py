"""Writing the answer to a line: greedily, by drawing, or with beams.

A `Writer` holds lines in progress and gives the scores of their next tokens. There are two kinds: for a model
with an encoder, which reads the line once and keeps what the decoder looks at; and for a decoder alone, which
reads "line, separator" as the beginning of a text. All above them is the same.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lm.corpora.pairs import END, SEPARATOR
from lm.devices import device_of
from lm.errors import ScoresNotFinite, SettingsProblem
from lm.evaluation import evaluation_mode
from lm.generation import Caching, SamplingConfig, next_token_distribution
from lm.layers import PADDING
from lm.tokenizers import Tokenizer

GREEDY = SamplingConfig(temperature=0.0)
MOST_AT_ONCE = 512  # lines that are written at once, which bounds the memory


@runtime_checkable
class Encoding(Protocol):
    """A model with an encoder, whose decoder looks at a memory of the line that was read."""

    def remember(self, source: Tensor) -> Any:
        """Lines (B, S), read; the memory has `keep(rows)`."""
        ...

    def decode(self, tokens: Tensor, memory: Any, cache: Any = None) -> Tensor:
        """Lines so far (B, T) to scores (B, T, V); with a cache, only the new tokens of them."""
        ...

    def new_cache(self) -> Any: ...


class Writer(Protocol):
    """B lines in progress."""

    def read(self, tokens: Tensor) -> Tensor:
        """Go on with tokens (B, n), n ≥ 1; returns the scores after the last of them, (B, V)."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with the lines of these rows (K,) only, in their order; a row may be taken several times."""
        ...


class EncodedWriter:
    """Lines of a model with an encoder. Each line is read once, each token that is written goes in once."""

    def __init__(self, model: Encoding, source: Tensor) -> None:
        """source: (B, S), shorter lines end in padding."""
        self.model = model
        self.memory = model.remember(source)
        self.cache = model.new_cache()  # None if the model cannot use one
        self.tokens = source[:, :0]  # (B, 0)

    def read(self, tokens: Tensor) -> Tensor:
        """As `Writer`."""
        if self.cache is not None:
            return self.model.decode(tokens, self.memory, self.cache)[:, -1]
        self.tokens = torch.cat([self.tokens, tokens], dim=1)
        return self.model.decode(self.tokens, self.memory)[:, -1]

    def keep(self, rows: Tensor) -> None:
        """As `Writer`."""
        self.memory = self.memory.keep(rows)
        self.tokens = self.tokens[rows]
        if self.cache is not None:
            self.cache.keep(rows)


class ContinuingWriter:
    """Lines of a decoder alone, which continues the line that was given."""

    def __init__(self, model: nn.Module, source: Tensor) -> None:
        """source: (B, S), lines of one length, for a decoder has no mask for padding before a text."""
        self.model = model
        self.cache: Any = model.new_cache() if isinstance(model, Caching) else None
        self.tokens = source  # (B, S), the text so far
        self.unread = source

    def read(self, tokens: Tensor) -> Tensor:
        """As `Writer`."""
        self.tokens = torch.cat([self.tokens, tokens], dim=1)
        if self.cache is None:
            return self.model(self.tokens)[:, -1]
        tokens, self.unread = torch.cat([self.unread, tokens], dim=1), self.unread[:, :0]
        return self.model(tokens, self.cache)[:, -1]

    def keep(self, rows: Tensor) -> None:
        """As `Writer`."""
        self.tokens, self.unread = self.tokens[rows], self.unread[rows]
        if self.cache is not None:
            self.cache.keep(rows)


@dataclass(frozen=True)
class Line:
    """A line that was written: its ids without the end, its log-probability, and whether it ended by itself."""

    ids: tuple[int, ...]
    log_probability: float
    ended: bool


def write(
    writer: Writer, first: Tensor, end: int, longest: int, sampling: SamplingConfig = GREEDY
) -> list[Line]:
    """B lines, each begun with its token of `first` (B, 1), until `end` or `longest` tokens.

    Temperature 0 is greedy: always the likeliest token. A line that has ended is no longer computed.
    """
    draw = torch.Generator().manual_seed(sampling.seed)
    B = len(first)
    ids: list[list[int]] = [[] for _ in range(B)]
    total, ended = [0.0] * B, [False] * B
    growing = list(range(B))  # numbers of the K lines in progress
    new = first  # their new tokens (K, 1)
    for _ in range(longest):
        scores = writer.read(new).float()  # (K, V)
        if sampling.temperature == 0:
            chosen = scores.argmax(dim=1)  # (K,)
        else:
            drawn = [_drawn(row, sampling, draw) for row in scores.cpu()]
            chosen = torch.tensor(drawn, device=scores.device)
        logs = scores.log_softmax(dim=1).gather(1, chosen[:, None])[:, 0].tolist()
        for line, token, log in zip(growing, chosen.tolist(), logs, strict=True):
            total[line] += log
            ended[line] = token == end
            if token != end:
                ids[line].append(token)
        rows = torch.nonzero(chosen != end)[:, 0]  # (K',), of those that go on
        if not len(rows):
            break
        if len(rows) < len(growing):
            writer.keep(rows)
            growing = [growing[row] for row in rows.tolist()]
        new = chosen[rows, None]
    return [Line(tuple(ids[line]), total[line], ended[line]) for line in range(B)]


def _drawn(scores: Tensor, sampling: SamplingConfig, draw: torch.Generator) -> int:
    """A token drawn from scores (V,)."""
    _check_finite(scores)
    chances = next_token_distribution(scores, sampling.temperature, sampling.top_k, sampling.top_p)
    return int(torch.multinomial(chances, 1, generator=draw))


def beams(writer: Writer, first: Tensor, end: int, longest: int, width: int) -> list[Line]:
    """The `width` likeliest lines that a search with so many beams finds, the likeliest first.

    first: (1, 1). At each step every beam is continued by every token, and the `width` likeliest results go on.
    Greedy writing is a search with one beam. The score of a line is its log-probability.
    """
    ids: list[tuple[int, ...]] = [()]
    totals = torch.zeros(1, device=first.device)  # (K,)
    found: list[Line] = []
    new = first
    for _ in range(longest):
        logs = writer.read(new).float().log_softmax(dim=1)  # (K, V)
        V = logs.shape[1]
        candidates = (totals[:, None] + logs).flatten()  # (K · V,)
        best = candidates.topk(min(2 * width, len(candidates)))  # at most K of them end
        going: list[tuple[int, int, float]] = []  # the beam that is continued, the token, the score
        for score, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            beam, token = divmod(place, V)
            if token == end:
                found.append(Line(ids[beam], score, True))
            elif len(going) < width:
                going.append((beam, token, score))
        found = sorted(found, key=lambda line: -line.log_probability)[:width]
        # A line only gets less likely as it grows: no beam can pass those that have ended.
        if len(found) == width and found[-1].log_probability >= going[0][2]:
            return found
        writer.keep(torch.tensor([beam for beam, _, _ in going], device=first.device))
        ids = [(*ids[beam], token) for beam, token, _ in going]
        totals = torch.tensor([score for _, _, score in going], device=first.device)
        new = torch.tensor([[token] for _, token, _ in going], device=first.device)
    unended = [Line(line, score, False) for line, score in zip(ids, totals.tolist(), strict=True)]
    return sorted([*found, *unended], key=lambda line: -line.log_probability)[:width]


@dataclass(frozen=True)
class Answer:
    """A line that a model wrote: its text, its probability, and whether it ended by itself."""

    text: str
    probability: float
    ended: bool


@dataclass(frozen=True)
class Rewriter:
    """A model that rewrites lines, and its tokenizer: text in, text out. Dropout is off while it writes.

    longest: tokens that an answer may have; if None, as many as the model's context holds.
    """

    model: nn.Module
    tokenizer: Tokenizer
    context_length: int
    longest: int | None = None

    def rewrite(self, lines: Sequence[str], sampling: SamplingConfig = GREEDY) -> list[Answer]:
        """The answer to each line. `UnknownCharacter`, `SettingsProblem` for one that cannot be read."""
        sources = [self.encoded(line) for line in lines]
        answers: list[Answer | None] = [None] * len(lines)
        for rows in self._batches(sources):
            writer, first = self._writer([sources[row] for row in rows])
            longest = min(self._room(sources[row]) for row in rows)
            with evaluation_mode(self.model), torch.inference_mode():
                written = write(writer, first, marks(self.tokenizer)[1], longest, sampling)
            for row, line in zip(rows, written, strict=True):
                answers[row] = self._answer(line)
        return [answer for answer in answers if answer is not None]

    def alternatives(self, line: str, width: int = 5) -> list[Answer]:
        """The likeliest answers that `width` beams find, the likeliest first. Raises as `rewrite`."""
        source = self.encoded(line)
        with evaluation_mode(self.model), torch.inference_mode():
            writer, first = self._writer([source])
            found = beams(writer, first, marks(self.tokenizer)[1], self._room(source), width)
        return [self._answer(one) for one in found]

    def encoded(self, line: str) -> list[int]:
        """The ids of a line to rewrite. Raises `UnknownCharacter`, or `SettingsProblem` if it does not fit."""
        line = line.strip()
        if not line:
            raise SettingsProblem(
                "There is nothing to rewrite: give a line of at least one character."
            )
        if SEPARATOR in line or END in line:
            raise SettingsProblem(
                "One line is rewritten at a time: leave out its tabs and line ends."
            )
        ids = self.tokenizer.encode(line).tolist()
        most = self.context_length - (0 if self._encodes else 1)
        if len(ids) > most:
            raise SettingsProblem(
                f"The line has {len(ids):,} tokens, and this model reads up to {most:,}: shorten it."
            )
        return ids

    @property
    def _encodes(self) -> bool:
        return isinstance(self.model, Encoding)

    def _room(self, source: Sequence[int]) -> int:
        """Tokens that the answer to a line may have, its end included."""
        room = self.context_length - (0 if self._encodes else len(source))
        return room if self.longest is None else min(room, self.longest)

    def _batches(self, sources: list[list[int]]) -> Iterable[list[int]]:
        """Numbers of the lines that are written together: those of similar length, or of the same."""
        order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
        batch: list[int] = []
        for row in order:
            fits = self._encodes or not batch or len(sources[batch[0]]) == len(sources[row])
            if not fits or len(batch) == MOST_AT_ONCE:
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _writer(self, sources: list[list[int]]) -> tuple[Writer, Tensor]:
        """A writer for these lines, and the tokens that the answers begin with, (B, 1)."""
        source = padded(sources).to(device_of(self.model))
        first = torch.full_like(source[:, :1], marks(self.tokenizer)[0])
        with evaluation_mode(self.model), torch.inference_mode():
            if isinstance(self.model, Encoding):
                return EncodedWriter(self.model, source), first
            return ContinuingWriter(self.model, source), first

    def _answer(self, line: Line) -> Answer:
        if not math.isfinite(line.log_probability):
            raise ScoresNotFinite
        text = self.tokenizer.decode(list(line.ids))
        return Answer(text, math.exp(line.log_probability), line.ended)


def marks(tokenizer: Tokenizer) -> tuple[int, int]:
    """The tokens that stand before and after an answer: a tab and a line end."""
    ids = [tokenizer.encode(mark) for mark in (SEPARATOR, END)]
    if any(len(one) != 1 for one in ids):
        raise SettingsProblem(
            "These tokens have none for a tab or a line end, which stand around an answer: choose characters."
        )
    return int(ids[0][0]), int(ids[1][0])


def padded(lines: Sequence[Sequence[int]]) -> Tensor:
    """Lines of ids as one tensor (B, length of the longest), the shorter ones filled with padding."""
    longest = max(map(len, lines))
    return torch.tensor([[*line, *[PADDING] * (longest - len(line))] for line in lines])


def _check_finite(scores: Tensor) -> None:
    if not math.isfinite(scores.sum()):
        raise ScoresNotFinite
