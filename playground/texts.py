"""The texts a visitor can train on: the built-in ones, and their own, kept beside the runs.

Loading, encoding and counting a text takes seconds, so what has been prepared once is kept. A visitor's own
text is written into the runs folder under its checksum: its run can then be opened and resumed like any other.
"""

import re
import reprlib
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lm import corpora, ngrams
from lm.corpora import Corpus
from lm.errors import CorpusProblem
from lm.plan import Plan
from lm.runs import recording
from lm.runs.run import Run
from lm.tokenizers import CharacterTokenizer

RETRY = 120.0  # seconds before a text that could not be had is asked for again
KEEP = 6  # prepared texts held in memory


@dataclass(frozen=True)
class Text:
    """A corpus made ready: its tokenizer, the ids of both splits, and what counting achieves on it."""

    corpus: Corpus
    tokenizer: CharacterTokenizer
    train_ids: np.ndarray
    validation_ids: np.ndarray
    baselines: dict[str, float]
    counted_pairs: np.ndarray

    def new_run(self, directory: Path, plan: Plan) -> Run:
        """A new run directory for a plan to be trained on it; raises as `recording.create`."""
        return recording.create(
            directory, plan, self.corpus, self.tokenizer, self.baselines, self.counted_pairs
        )


class Texts:
    """Prepared texts, by the key that the page holds: a built-in name, or "own:" and a checksum."""

    def __init__(self, runs_folder: Path, known_baselines: dict[str, dict[str, float]]) -> None:
        self.folder = runs_folder / "texts"
        self._baselines = known_baselines  # by checksum; the shipped runs bring some along
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._refusals: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Text:
        """The prepared text of a key. `CorpusProblem` if it is not to be had."""
        with self._lock:
            if key not in self._texts:
                self._texts[key] = self._prepare(self._load(key))
                while len(self._texts) > KEEP:
                    self._texts.popitem(last=False)
            self._texts.move_to_end(key)
            return self._texts[key]

    def get_or_synthetic(self, key: str) -> tuple[str, Text, str | None]:
        """`get`, with the synthetic plays in place of a text that cannot be had, and a notice."""
        try:
            return key, self.get(key), None
        except CorpusProblem as problem:
            notice = f"{problem} The synthetic plays stand in: generated here, no network needed."
            return "synthetic_plays", self.get("synthetic_plays"), notice

    def add(self, data: bytes) -> str:
        """Keep a visitor's own text; returns its key. `CorpusProblem` says what is wrong with it."""
        corpus = corpora.from_bytes(data)
        if corpus.name in corpora.names():
            return corpus.name
        path = self.folder / f"{corpus.sha256[:24]}.txt"
        if not path.exists():
            recording.write_text(path, corpus.text)
        return f"own:{path.stem}"

    def _load(self, key: str) -> Corpus:
        kind, _, name = key.partition(":")
        if kind == "own" and re.fullmatch("[0-9a-f]{24}", name):
            path = self.folder / f"{name}.txt"
            if not path.exists():
                raise CorpusProblem("Your own text is no longer here: paste or upload it again.")
            corpus = corpora.load(str(path))
            return corpora.Corpus(
                "your_text", "Your own text", corpus.description, corpus.text, path=corpus.path
            )
        if key not in corpora.names():
            raise CorpusProblem(f"There is no text called {reprlib.repr(key)}.")
        return self._built_in(key)

    def _built_in(self, name: str) -> Corpus:
        """A built-in text; one that could not be had a moment ago is not asked of the network again."""
        when, sentence = self._refusals.get(name, (-RETRY, ""))
        if time.monotonic() - when < RETRY:
            raise CorpusProblem(sentence)
        try:
            return corpora.load(name)
        except CorpusProblem as problem:
            self._refusals[name] = (time.monotonic(), str(problem))
            raise

    def _prepare(self, corpus: Corpus) -> Text:
        tokenizer = CharacterTokenizer.from_text(corpus.text)
        train_ids = tokenizer.encode(corpus.train_text)
        validation_ids = tokenizer.encode(corpus.validation_text)
        counted = self._baselines.get(corpus.sha256)
        if counted is None:
            counted = ngrams.baselines(train_ids, validation_ids, tokenizer.vocab_size)
            self._baselines[corpus.sha256] = counted
        small = np.min_scalar_type(tokenizer.vocab_size - 1)  # every run is sent them
        return Text(
            corpus,
            tokenizer,
            train_ids.astype(small),
            validation_ids.astype(small),
            counted,
            ngrams.bigram_table(train_ids, tokenizer.vocab_size),
        )
