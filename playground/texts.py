"""The texts a visitor can train on: the built-in ones, and their own, kept beside the runs.

Loading, encoding and counting a text takes seconds, so prepared texts are kept in memory. A visitor's own text
is written into the runs folder under its checksum: its runs can then be opened and resumed like any other.
"""

import re
import reprlib
import threading
import time
from collections import OrderedDict
from pathlib import Path

from lm import corpora
from lm.corpora import Corpus
from lm.errors import CorpusProblem
from lm.runs.files import write_text
from lm.runs.preparation import PreparedText, prepare
from lm.tasks import TaskConfig
from lm.tokenizers import TokenizerConfig

CHARACTERS, CONTINUE = TokenizerConfig(), TaskConfig()
RETRY = 120.0  # seconds before a download that failed is tried again
KEEP = 6  # prepared texts held in memory


class Texts:
    """Prepared texts, by the key that the page holds: a built-in name, or "own:" and a checksum."""

    def __init__(self, runs_folder: Path, known_baselines: dict[str, dict[str, float]]) -> None:
        self.folder = runs_folder / "texts"
        # By the text's checksum and the task; the included runs hold some.
        self._baselines = {
            (sha256, CONTINUE.task): known for sha256, known in known_baselines.items()
        }
        self._texts: OrderedDict[tuple[str, TokenizerConfig, TaskConfig], PreparedText] = (
            OrderedDict()
        )
        self._refusals: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def get(
        self, key: str, tokenizer: TokenizerConfig = CHARACTERS, task: TaskConfig = CONTINUE
    ) -> PreparedText:
        """The text of a key, prepared for a tokenizer and a task. `CorpusProblem` if it cannot be loaded."""
        wanted = (key, tokenizer, task)
        with self._lock:
            if wanted not in self._texts:
                self._texts[wanted] = self._prepare(self._load(key), tokenizer, task)
                while len(self._texts) > KEEP:
                    self._texts.popitem(last=False)
            self._texts.move_to_end(wanted)
            return self._texts[wanted]

    def get_or_synthetic(self, key: str) -> tuple[str, PreparedText, str | None]:
        """`get`, with the synthetic plays in place of a text that cannot be loaded, and a notice."""
        try:
            return key, self.get(key), None
        except CorpusProblem as problem:
            notice = (
                f"{problem} The page uses the synthetic plays instead: they are generated here and need "
                "no network."
            )
            return "synthetic_plays", self.get("synthetic_plays"), notice

    def add(self, data: bytes) -> str:
        """Keep a visitor's own text; returns its key. `CorpusProblem` says what is wrong with it."""
        corpus = corpora.from_bytes(data)
        if corpus.name in corpora.names():
            return corpus.name
        path = self.folder / f"{corpus.sha256[:24]}.txt"
        if not path.exists():
            write_text(path, corpus.text)
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
        """A built-in text; a download that failed a moment ago is not tried again."""
        when, sentence = self._refusals.get(name, (-RETRY, ""))
        if time.monotonic() - when < RETRY:
            raise CorpusProblem(sentence)
        try:
            return corpora.load(name)
        except CorpusProblem as problem:
            self._refusals[name] = (time.monotonic(), str(problem))
            raise

    def _prepare(
        self, corpus: Corpus, tokenizer: TokenizerConfig, task: TaskConfig
    ) -> PreparedText:
        known = (corpus.sha256, task.task)
        prepared = prepare(corpus, tokenizer, task, self._baselines.get(known))
        self._baselines[known] = prepared.baselines
        return prepared
