"""Rewrite a line: read one line of a pair, write the other; with an encoder, or with a decoder alone.

`Rewrite` gives an encoder the first line and a decoder the second, one token earlier. `Answer` gives a decoder
one row, "line, separator, answer", and counts the loss of the answer only. Lines differ in length: the shorter
ones of a batch end in padding, which nobody may look at and which has weight 0 in the loss.

Counted are the loss per character of the answers (their line ends included), and what people ask for: the share
of lines that are exactly right, and the edit distance to the right answer.

Several processes share an evaluation out: each reads and answers other lines, and they add their counts up.
"""

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lm import baselines
from lm.corpora.pairs import END, SEPARATOR, Pair, PairCorpus, Unit
from lm.errors import SettingsProblem
from lm.evaluation import (
    Alone,
    Evaluation,
    Readers,
    evaluation_mode,
    sum_of_weighted_losses,
)
from lm.layers import PADDING
from lm.rewriting import Rewriter, marks
from lm.tasks.judging import Judged, counts_of, nearest
from lm.tasks.task import Batch, read
from lm.tokenizers import CharacterTokenizer, Tokenizer

JUDGED = 500  # pairs of the training split that are judged beside the validation split
AT_ONCE = 8_192  # tokens that one evaluation reads at once
SHOWN = 8  # held-out lines of the diary
NEAR = 8  # batches that are drawn at once, to put pairs of similar length together


@dataclass(frozen=True)
class Lines:
    """Pairs as ids, int32, each line filled with padding to the longest: (N, S) and (N, T)."""

    sources: np.ndarray
    targets: np.ndarray

    @classmethod
    def encoded(cls, pairs: Sequence[Pair], tokenizer: Tokenizer) -> "Lines":
        """Both sides through the tokenizer."""
        sides = ([tokenizer.encode(pair[side]) for pair in pairs] for side in (0, 1))
        return cls(*(_filled(side) for side in sides))

    @property
    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of each source and of each target, (N,) each."""
        return (self.sources != PADDING).sum(1), (self.targets != PADDING).sum(1)


@dataclass(frozen=True)
class PairData:
    """A corpus of pairs as ids, and what is needed to judge answers: plain arrays, sent to another process."""

    train: Lines
    validation: Lines
    tokenizer: Tokenizer
    corpus_pairs: tuple[tuple[Pair, ...], tuple[Pair, ...]]  # held out, and longer than any learned
    right: dict[str, tuple[str, ...]]  # of the sources of those
    unit: Unit


class Rewrite:
    """The task of rewriting a line, for a model with an encoder."""

    name: ClassVar[str] = "rewrite"
    pairs: ClassVar[bool] = True

    def __init__(self, data: PairData, context_length: int, device: str) -> None:
        self.check(data, context_length)
        self.data, self.tokenizer, self.device = data, data.tokenizer, device
        self.context_length = context_length
        self.vocab_size = data.tokenizer.vocab_size
        self.first, self.end = marks(data.tokenizer)
        targets = data.validation.targets
        self.characters = _characters(targets, data.tokenizer)
        self.characters_per_token = self.characters / int((targets != PADDING).sum() + len(targets))
        longest = max(int(lines.lengths[1].max()) for lines in (data.train, data.validation))
        self.longest = longest + 1  # tokens of an answer, its end included: a longer one is wrong
        self.row_lengths = self._row_lengths(data.train)  # (N,)
        self.readers: Readers = Alone()  # the processes that share an evaluation out

    @staticmethod
    def load(corpus: PairCorpus, tokenizer: Tokenizer) -> PairData:
        """Both splits of a corpus as ids."""
        return PairData(
            train=Lines.encoded(corpus.train, tokenizer),
            validation=Lines.encoded(corpus.validation, tokenizer),
            tokenizer=tokenizer,
            corpus_pairs=(corpus.validation, corpus.longer),
            right={s: corpus.answers[s] for s, _ in (*corpus.validation, *corpus.longer)},
            unit=corpus.unit,
        )

    @staticmethod
    def baselines(
        corpus: PairCorpus, tell: Callable[[float], object] | None = None
    ) -> dict[str, float]:
        """The losses of counted characters of the answers alone, without a look at the lines to rewrite."""
        characters = CharacterTokenizer.from_text(corpus.text)
        train, validation = (
            characters.encode("".join(target + END for _, target in pairs))
            for pairs in (corpus.train, corpus.validation)
        )
        return baselines.baselines(train, validation, characters.vocab_size, tell)

    @classmethod
    def row_tokens(cls, data: PairData, context_length: int) -> float:
        """Predictions that a row counts on average: the tokens of an answer and its end."""
        return float(data.train.lengths[1].mean()) + 1

    @classmethod
    def check(cls, data: PairData, context_length: int) -> None:
        """Raise a `SettingsProblem` if a line is longer than the context."""
        longest = max(cls.needed(lines) for lines in (data.train, data.validation))
        if longest > context_length:
            raise SettingsProblem(
                f"A context of {context_length:,} tokens does not hold the longest lines, which need "
                f"{longest:,}: choose a context of {longest:,} or more, or shorter lines."
            )

    @staticmethod
    def needed(lines: Lines) -> int:
        """The context that the longest of these pairs needs: a source, or an answer and its end."""
        sources, targets = lines.lengths
        return int(max(sources.max(), targets.max() + 1))

    def batch(self, size: int) -> Batch:
        """`size` random pairs of similar length, because padding takes as long as tokens do.

        `NEAR` batches are drawn and put in the order of their lengths; one of them is taken. So each pair is
        as likely as any other.
        """
        drawn = torch.randint(len(self.row_lengths), (NEAR * size,)).numpy()
        drawn = drawn[np.argsort(self.row_lengths[drawn], kind="stable")]
        one = int(torch.randint(NEAR, ()))
        return self.rows(self.data.train, drawn[one * size : (one + 1) * size])

    def rows(self, lines: Lines, rows: np.ndarray) -> Batch:
        """These pairs as a batch: lines (B, S), answers one token earlier (B, T), and the answers (B, T)."""
        sources, targets = trimmed(lines.sources[rows]), trimmed(lines.targets[rows])
        answers = _ended(targets, self.end)  # (B, T), each with its end
        inputs = np.insert(targets, 0, self.first, axis=1)  # (B, T)
        return self._batch(inputs, answers, answers != PADDING, sources)

    def _batch(
        self,
        inputs: np.ndarray,
        answers: np.ndarray,
        counted: np.ndarray,
        sources: np.ndarray | None,
    ) -> Batch:
        """Arrays (B, T) and sources (B, S) as tensors on the device; uncounted targets are any token."""

        def ids(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.int64)).to(self.device)

        weights = torch.from_numpy(counted.astype(np.float32)).to(self.device)
        targets = np.where(counted, answers, self.end)
        return Batch(ids(inputs), ids(targets), weights, None if sources is None else ids(sources))

    def evaluate(self, model: nn.Module) -> Generator[float, None, Evaluation]:
        """The loss over all held-out pairs, and their answers judged; also those longer than any learned.

        An answer is written greedily; it may be as long as the longest answer that was learned from.
        """
        total, tokens = 0.0, 0
        lines, readers = self.data.validation, self.readers
        parts = self._parts(lines)
        rounds = math.ceil(len(parts) / readers.size)
        for number in range(rounds):
            place = number * readers.size + readers.rank
            part, count = self._loss(model, lines, parts[min(place, len(parts) - 1)])
            if place < len(parts):  # in the last round, some read what others count
                total, tokens = total + part, tokens + count
            yield 0.5 * (number + 1) / rounds
        total, counted = readers.sum(total, tokens)
        held_out, longer = self.data.corpus_pairs
        judged = self.judge(model, held_out)
        scores = {"exact": judged.exact, "edit_distance": judged.edit_distance}
        if longer:
            yield 0.75
            scores["exact_longer"] = self.judge(model, longer).exact
        yield 1.0
        loss = total / self.characters
        return Evaluation(loss, loss / math.log(2), int(counted), self.characters, scores=scores)

    def judge(self, model: nn.Module, pairs: Sequence[Pair]) -> Judged:
        """The model's answers to the sources of these pairs, each source once.

        Of several processes each answers its share. Where each keeps a part of the model only, all of them
        answer all lines: an answer takes as many passes as it has tokens, and all must take part in each.
        """
        sources = list(dict.fromkeys(source for source, _ in pairs))
        readers = Alone() if self.readers.sharded else self.readers
        sources = sources[readers.rank :: readers.size]
        room = self.longest if pairs is self.data.corpus_pairs[0] else 2 * self.longest
        fitting = [source for source in sources if self._fits(source)]
        written = dict(zip(fitting, self.rewriter(model, room).rewrite(fitting), strict=True))
        answers = [written[source].text if source in written else "" for source in sources]
        mine = counts_of(answers, [self.data.right[source] for source in sources], self.data.unit)
        lines, right, errors, length = readers.sum(mine.lines, mine.right, mine.errors, mine.length)
        return Judged(right / lines, errors / length)

    def rewriter(self, model: nn.Module, longest: int | None = None) -> Rewriter:
        """The model as one that rewrites text."""
        return Rewriter(model, self.tokenizer, self.context_length, longest)

    def _fits(self, source: str) -> bool:
        """Whether the model can read a line, and has room for an answer."""
        return len(self.tokenizer.encode(source)) < self.context_length

    def train_loss(self, model: nn.Module) -> float:
        """The loss over pairs spread evenly over the training split, in nats per character."""
        lines = self.data.train
        count = len(lines.sources)
        chosen = np.linspace(0, count - 1, min(JUDGED, count)).astype(int)
        some = Lines(lines.sources[chosen], lines.targets[chosen])
        parts = [self._loss(model, some, rows)[0] for rows in self._parts(some)]
        return sum(parts) / _characters(some.targets, self.tokenizer)

    def sample(self, model: nn.Module) -> str:
        """A line for each of the same few held-out pairs: source, answer written, right answer, with tabs."""
        held_out = list(dict.fromkeys(source for source, _ in self.data.corpus_pairs[0]))
        chosen = [held_out[i * len(held_out) // SHOWN] for i in range(min(SHOWN, len(held_out)))]
        written, right = self.rewriter(model, self.longest).rewrite(chosen), self.data.right
        lines = (
            (source, _on_one_line(answer.text), nearest(answer.text, right[source]))
            for source, answer in zip(chosen, written, strict=True)
        )
        return END.join(SEPARATOR.join(line) for line in lines)

    def _loss(self, model: nn.Module, lines: Lines, rows: np.ndarray) -> tuple[float, int]:
        """The summed loss of these pairs' answers in nats, and how many tokens they have."""
        batch = self.rows(lines, rows)
        assert batch.weights is not None
        with evaluation_mode(model), torch.inference_mode():
            total = sum_of_weighted_losses(read(model, batch), batch.targets, batch.weights)
        return total, int(batch.weights.sum())

    def _parts(self, lines: Lines) -> list[np.ndarray]:
        """The numbers of all pairs in parts that are read at once, pairs of similar length together."""
        order = np.argsort(self._row_lengths(lines), kind="stable")
        at_once = max(1, AT_ONCE // (lines.sources.shape[1] + lines.targets.shape[1] + 1))
        return np.split(order, range(at_once, len(order), at_once))

    def _row_lengths(self, lines: Lines) -> np.ndarray:
        sources, targets = lines.lengths
        return np.maximum(sources, targets)


class Answer(Rewrite):
    """The same task for a decoder alone: it continues "line, separator" by the answer."""

    name: ClassVar[str] = "answer"

    @staticmethod
    def needed(lines: Lines) -> int:
        """The context that the longest pair needs: both lines and the separator."""
        sources, targets = lines.lengths
        return int((sources + 1 + targets).max())

    def rows(self, lines: Lines, rows: np.ndarray) -> Batch:
        """These pairs as rows "line, separator, answer, end", (B, T); only answer and end count."""
        sources, targets = lines.sources[rows], lines.targets[rows]
        width = int(self._row_lengths(Lines(sources, targets)).max())
        whole = np.full((len(rows), width), PADDING)
        counted = np.zeros(whole.shape, bool)
        for row, (source, target) in enumerate(zip(sources, targets, strict=True)):
            source, target = source[source != PADDING], target[target != PADDING]
            answer = slice(len(source) + 1, len(source) + len(target) + 2)
            whole[row, : answer.stop] = [*source, self.first, *target, self.end]
            counted[row, answer] = True
        # Nobody looks back at padding: it stands at the end, where the causal mask hides it.
        inputs = np.where(whole == PADDING, self.end, whole)[:, :-1]
        return self._batch(inputs, whole[:, 1:], counted[:, 1:], None)

    def _row_lengths(self, lines: Lines) -> np.ndarray:
        sources, targets = lines.lengths
        return sources + targets + 2


@dataclass(frozen=True)
class Shown:
    """A held-out line of the diary: what was to be rewritten, what the model wrote, and what is right."""

    source: str
    written: str
    right: str


def shown(sample: str) -> list[Shown]:
    """The lines of a sample that `Rewrite.sample` wrote."""
    return [Shown(*line.split(SEPARATOR)) for line in sample.split(END)]


def _on_one_line(text: str) -> str:
    """An answer without the tabs and line ends that may stand within a token of several characters."""
    return text.replace(SEPARATOR, " ").replace(END, " ")


def trimmed(lines: np.ndarray) -> np.ndarray:
    """Lines (B, N) without the columns in which all of them are padding."""
    return lines[:, : int((lines != PADDING).sum(1).max())]


def _ended(lines: np.ndarray, end: int) -> np.ndarray:
    """Lines (B, T) to (B, T + 1), each with its end before the padding."""
    longer = np.insert(lines, lines.shape[1], PADDING, axis=1)
    longer[np.arange(len(lines)), (lines != PADDING).sum(1)] = end
    return longer


def _filled(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Lines of ids as an array (N, longest) int32, the shorter ones filled with padding."""
    array = np.full((len(lines), max(map(len, lines), default=0)), PADDING, np.int32)
    for row, line in enumerate(lines):
        array[row, : len(line)] = line
    return array


def _characters(targets: np.ndarray, tokenizer: Tokenizer) -> int:
    """Characters of all answers (N, T), their line ends included."""
    return tokenizer.count_characters(targets[targets != PADDING]) + len(targets)
