"""The texts and pairs a visitor can train on: the built-in ones, and their own, kept beside the runs.

Loading, encoding and counting a text takes up to a second, and a download up to a minute, so each text is
prepared in a thread of its own: only those who ask for that text wait. Prepared texts are kept in memory. A
visitor's own text is written into the runs folder under its checksum: its runs can then be opened and resumed
like any other.
"""

import contextlib
import json
import os
import re
import reprlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lm import corpora
from lm.corpora import AnyCorpus, PairCorpus, own_text, pairs
from lm.errors import CorpusProblem
from lm.runs.files import write_text
from lm.runs.preparation import PreparedText, prepare
from lm.tasks import KINDS, TaskConfig
from lm.tokenizers import TokenizerConfig

CHARACTERS, CONTINUE = TokenizerConfig(), TaskConfig()
TEXT, PAIRS = ".txt", ".tsv"  # endings of the files that are kept
GENERATED = {  # in place of one that cannot be loaded: of texts, of pairs
    False: ("synthetic_plays", "the synthetic plays"),
    True: ("number_words", "number words"),
}
RETRY = 120.0  # seconds before a download that failed is tried again
PATIENCE = 10.0  # seconds that somebody waits for a text
KEEP = 6  # prepared texts held in memory
MOST_WAITING = 16  # texts waited for: a visitor may ask for thousands of vocabularies
AT_ONCE = 2  # texts that are counted at the same time: each takes up to 50 bytes a character

Wanted = tuple[str, TokenizerConfig, TaskConfig]


class NotYet(CorpusProblem):
    """A text that is still being prepared: whoever asks again in a moment gets it."""


@dataclass(frozen=True, eq=False)
class _Job:
    """A text that is prepared, or will be; nobody waits for it past `until`, as in `time.monotonic()`."""

    text: "Future[PreparedText]"
    until: float


class Texts:
    """Prepared texts, by the key that the page holds: a built-in name, or "own:" and a checksum."""

    def __init__(
        self,
        runs_folder: Path,
        known_baselines: dict[str, dict[str, float]],
        most_bytes: int = 0,
    ) -> None:
        """most_bytes: of all visitors' texts together; 0: no limit."""
        self.folder = runs_folder / "texts"
        self.most_bytes = most_bytes
        # By the text's checksum and the task; the included runs hold some.
        self._baselines = {
            (sha256, CONTINUE.task): known for sha256, known in known_baselines.items()
        }
        self._texts: OrderedDict[Wanted, _Job] = OrderedDict()
        self._refusals: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()  # nobody loads, counts or writes while holding it
        self._counting = threading.BoundedSemaphore(AT_ONCE)
        self._adding = threading.Lock()

    def get(
        self, key: str, tokenizer: TokenizerConfig = CHARACTERS, task: TaskConfig = CONTINUE
    ) -> PreparedText:
        """The text of a key, prepared for a tokenizer and a task.

        `CorpusProblem` if it cannot be loaded; `NotYet` if that takes longer than `PATIENCE`.
        """
        wanted = (key, tokenizer, task)
        with self._lock:
            job = self._texts.get(wanted)
            if job is None:
                if sum(not one.text.done() for one in self._texts.values()) >= MOST_WAITING:
                    raise NotYet(
                        "Many texts are being prepared just now: choose yours again in a moment."
                    )
                job = self._texts[wanted] = _Job(Future(), time.monotonic() + PATIENCE)
                threading.Thread(target=self._fulfil, args=(job.text, wanted), daemon=True).start()
            self._texts.move_to_end(wanted)
        try:
            return job.text.result(max(0.0, job.until - time.monotonic()))
        except TimeoutError:
            doing = "loaded" if tokenizer == CHARACTERS else "cut into pieces"
            raise NotYet(
                f"That text is still being {doing}: choose it again in a moment."
            ) from None

    def get_or_synthetic(
        self, key: str, task: TaskConfig = CONTINUE
    ) -> tuple[str, PreparedText, str | None]:
        """`get`, with a generated text in place of one that cannot be loaded, and a notice."""
        try:
            return key, self.get(key, task=task), None
        except CorpusProblem as problem:
            instead, title = GENERATED[KINDS[task.task].pairs]
            notice = f"{problem} Until then the page uses {title}, which are generated here."
            return instead, self.get(instead, task=task), notice

    def add(self, data: bytes, tell: Callable[[str], Any] | None = None) -> str:
        """Keep a visitor's own text; returns its key. `CorpusProblem` says what is wrong with it.

        tell: called with a sentence about what was changed in it, if anything was.
        """
        corpus = corpora.from_bytes(data)
        if corpus.notice and tell is not None:
            tell(corpus.notice)
        if corpus.name in corpora.names():
            return corpus.name
        return self._keep(corpus, TEXT)

    def add_pairs(
        self,
        data: bytes,
        answers: bytes | None = None,
        tell: Callable[[str], Any] | None = None,
        labels: tuple[str, str] = ("the first text", "the second text"),
    ) -> str:
        """Keep a visitor's own pairs; returns their key. `CorpusProblem` says what is wrong with them.

        data: a line for each pair, with a tab between its sides; or the first sides only, with the second ones
        in `answers`. tell: as in `add`. labels: of the two.
        """
        title = "Your own pairs"
        if answers is None:
            corpus = pairs.from_tsv(own_text.decode(data, title))
        else:
            first, second = own_text.decode(data, labels[0]), own_text.decode(answers, labels[1])
            corpus = pairs.from_two_texts(first, second, labels=labels)
        if corpus.notice and tell is not None:
            tell(corpus.notice)
        return self._keep(corpus, PAIRS)

    def _keep(self, corpus: AnyCorpus, ending: str) -> str:
        path = self.folder / f"{corpus.sha256[:24]}{ending}"
        with self._adding:
            if not path.exists():
                self._make_room(len(corpus.text.encode("utf-8")))
                write_text(path, corpus.text)
        return f"own:{path.stem}"

    def _kept(self) -> list[Path]:
        return [path for path in self.folder.glob("*") if path.suffix in (TEXT, PAIRS)]

    def _make_room(self, size: int) -> None:
        """Delete the texts that were unused the longest, until `size` more bytes fit.

        Those that are in memory or that a kept run learned from stay. `CorpusProblem` if there is no room then.
        """
        if not self.most_bytes or not self.folder.is_dir():
            return
        kept = [(path, path.stat()) for path in self._kept()]
        held = sum(stat.st_size for _, stat in kept)
        if held + size <= self.most_bytes:
            return
        needed = self._needed()
        for path, stat in sorted(kept, key=lambda one: one[1].st_mtime):
            if held + size > self.most_bytes and path.name not in needed:
                path.unlink(missing_ok=True)
                held -= stat.st_size
        if held + size > self.most_bytes:
            raise CorpusProblem(
                f"This page keeps {self.most_bytes / 1e6:.0f} MB of visitors' texts, and runs need "
                f"{held / 1e6:.1f} of them: choose a text of at most "
                f"{max(0, self.most_bytes - held) / 1e6:.1f} MB, or try again later."
            )

    def _needed(self) -> set[str]:
        """The file names of the texts that are in memory, or that a run in the runs folder learned from."""
        with self._lock:
            names = {
                f"{key.removeprefix('own:')}{ending}"
                for key, _, _ in self._texts
                for ending in (TEXT, PAIRS)
            }
        for path in self.folder.parent.glob("*/run.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                names.add(Path(json.loads(path.read_text("utf-8"))["corpus"]["path"]).name)
        return names

    def _fulfil(self, text: "Future[PreparedText]", wanted: Wanted) -> None:
        """Prepare a text for all who wait for it. One that cannot be loaded is forgotten: it may come back."""
        try:
            prepared = self._prepare(self._load(wanted[0]), *wanted[1:])
            with self._lock:
                self._make_place()
            text.set_result(prepared)
        except BaseException as error:
            with self._lock:
                self._texts.pop(wanted, None)
            text.set_exception(error)

    def _make_place(self) -> None:
        """Let go of the prepared texts that were unused the longest, so that one more may be kept."""
        ready = [wanted for wanted, job in self._texts.items() if job.text.done()]
        for wanted in ready[: max(0, len(ready) - KEEP + 1)]:
            del self._texts[wanted]

    def _load(self, key: str) -> AnyCorpus:
        kind, _, name = key.partition(":")
        if kind == "own" and re.fullmatch("[0-9a-f]{24}", name):
            return self._own(name)
        if not corpora.is_built_in(key):
            raise CorpusProblem(f"There is no text called {reprlib.repr(key)}.")
        return self._built_in(key)

    def _own(self, name: str) -> AnyCorpus:
        """A visitor's own text or pairs, from the file that was kept."""
        found = [
            path for path in (self.folder / f"{name}{e}" for e in (TEXT, PAIRS)) if path.exists()
        ]
        if not found:
            raise CorpusProblem("Your own text is no longer here: paste or upload it again.")
        with contextlib.suppress(OSError):
            os.utime(found[0])  # it is used
        corpus = corpora.load(str(found[0]))
        if isinstance(corpus, PairCorpus):
            return replace(corpus, name="your_pairs", title="Your own pairs")
        return replace(corpus, name="your_text", title="Your own text")

    def _built_in(self, name: str) -> AnyCorpus:
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
        self, corpus: AnyCorpus, tokenizer: TokenizerConfig, task: TaskConfig
    ) -> PreparedText:
        known = (corpus.sha256, task.task)
        with self._counting:
            prepared = prepare(corpus, tokenizer, task, self._baselines.get(known))
        self._baselines[known] = prepared.baselines
        return prepared
