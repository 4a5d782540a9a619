"""Row 16: speed of the tokenizers, and whether they equal the `tokenizers` library.

Learned is the training split, encoded the whole text. "Lossless" means that the encoded text decodes to itself,
and "equal" that all merges and ids are the library's; what the library learned and what ours learned is written
as the same file, byte by byte of its contents.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lm.tokenizers import BPETokenizer, UnigramTokenizer
from lm.tokenizers.bpe import learn_merges
from lm.tokenizers.unigram import learn_pieces
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns
from tests.lm.subword_library import contents, trained_bpe

COLUMNS = (
    "tokenizer",
    "vocabulary",
    "learn, s",
    "of the processor, s",
    "encode, s",
    "of the processor, s",
    "characters a token",
    "lossless",
    "equal",
)
SIZES = (512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Reading:
    """Wall and processor seconds of learning and encoding, the ids, the file, and whether nothing is lost."""

    learn: tuple[float, float]
    encode: tuple[float, float]
    ids: list[int]
    file: dict[str, Any]
    lossless: bool


def timed(work: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """The result of some work, and its wall and processor seconds."""
    wall, own = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - wall, time.process_time() - own)


@benchmark("Speed and equality of the tokenizers")
def main(setup: Setup) -> Result:
    """Row 16: BPE and Unigram of Tiny Shakespeare, beside the `tokenizers` library's BPE."""
    corpus = setup.text()
    text, learned = corpus.text, corpus.train_text
    if setup.quick:
        text, learned = text[:20_000], learned[:18_000]
    rows = []
    for size in (300,) if setup.quick else SIZES:
        found = take_turns(
            setup.rounds,
            {
                "BPE, spelled out": lambda _, size=size: own(
                    lambda: BPETokenizer(learn_merges(learned, size)), text
                ),
                "BPE, `tokenizers`": lambda _, size=size: library(size, learned, text),
                "Unigram": lambda _, size=size: own(
                    lambda: UnigramTokenizer(learn_pieces(learned, size)), text
                ),
            },
        )
        ours, theirs, _ = (readings[0] for readings in found.values())
        equal = ours.ids == theirs.ids and ours.file == theirs.file
        told = ("yes" if equal else "**no**", "–", "–")
        for (name, readings), same in zip(found.items(), told, strict=True):
            rows.append(_row(name, size, readings, len(text), same))
    notes = [f"learned from {len(learned):,} characters, encoded {len(text):,}"]
    return Result([Table(COLUMNS, rows)], notes)


def own(learn: Callable[[], BPETokenizer | UnigramTokenizer], text: str) -> Reading:
    """One of ours."""
    tokenizer, learning = timed(learn)
    ids, encoding = timed(lambda: tokenizer.encode(text))
    lossless = tokenizer.decode(ids) == text
    return Reading(learning, encoding, ids.tolist(), tokenizer.to_json(), lossless)


def library(size: int, learned: str, text: str) -> Reading:
    """The library's BPE."""
    tokenizer, learning = timed(lambda: trained_bpe(learned, size))
    ids, encoding = timed(lambda: tokenizer.encode(text).ids)
    return Reading(learning, encoding, ids, contents(tokenizer), tokenizer.decode(ids) == text)


def _row(name: str, size: int, readings: list[Reading], characters: int, equal: str) -> list[str]:
    first = readings[0]
    return [
        name,
        f"{size:,}",
        *(spread((one.learn[i] for one in readings), 2) for i in (0, 1)),
        *(spread((one.encode[i] for one in readings), 2) for i in (0, 1)),
        f"{characters / len(first.ids):.2f}",
        "yes" if first.lossless else "**no**",
        equal,
    ]


if __name__ == "__main__":
    main()
