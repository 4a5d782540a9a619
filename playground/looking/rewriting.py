"""Try one: a model's answer to a visitor's line, what else it might have said, and what is right."""

from collections.abc import Callable, Sequence
from typing import Any

from lm.corpora import number_words
from lm.corpora.pairs import PairCorpus
from lm.errors import Problem, SettingsProblem
from lm.generation import SamplingConfig
from lm.rewriting import Rewriter
from lm.runs.run import Run
from lm.tasks.judging import nearest
from lm.tokenizers import Tokenizer
from playground.looking.snapshots import Snapshots

BEAMS = 5  # alternatives that are looked for
LONGEST = 200  # tokens of an answer
MOST = 1000  # characters that are read of a line


def answered(
    snapshots: Snapshots,
    run: Run,
    step: int | None,
    line: str,
    sampling: SamplingConfig,
    corpus: Callable[[], PairCorpus],
) -> dict[str, Any]:
    """What the page shows of a line. `Problem` if the model cannot read it.

    {"line": as it was read, "answer", "probability", "ended": whether by itself, "right": the right answer that
    is nearest, None if it is not known, "exact", "alternatives": [[answer, probability], ...], the likeliest
    first, "step": of the snapshot}. corpus: gives the pairs that the run learned from, to tell what is right.
    """
    model, step = snapshots.model(run, step)
    tokenizer, context = run.tokenizer(), run.plan.context_length
    line = as_read(line[:MOST], run.record.corpus.name, tokenizer)
    rewriter = Rewriter(model, tokenizer, context, longest=min(LONGEST, context))
    written = rewriter.rewrite([line], sampling)[0]
    others = rewriter.alternatives(line, BEAMS)
    right = _right(line, corpus)
    return {
        "line": line,
        "answer": written.text,
        "probability": written.probability,
        "ended": written.ended,
        "right": nearest(written.text, right) if right else None,
        "exact": written.text in right,
        "alternatives": [[one.text, one.probability] for one in others],
        "step": step,
    }


def as_read(line: str, corpus: str, tokenizer: Tokenizer) -> str:
    """A visitor's line as a model of these pairs learned to read it: 84 in words, a Word in small letters."""
    line = " ".join(line.split())
    if not line:
        raise SettingsProblem("Type a line that the model is to rewrite.")
    name, _, languages = corpus.partition(":")
    if name == "number_words" and line.isascii() and line.isdecimal():
        if int(line[:20]) >= number_words.BELOW:
            raise SettingsProblem(
                f"Numbers go up to {number_words.BELOW - 1:,}: type a smaller one."
            )
        language = (languages or number_words.DEFAULT).partition("-")[0]
        return number_words.in_words(int(line), language)
    small = line.lower()
    if tokenizer.encode_known(line)[1] and not tokenizer.encode_known(small)[1]:
        return small
    return line


def _right(line: str, corpus: Callable[[], PairCorpus]) -> Sequence[str]:
    """The right answers to a line; none if they are not known, or the pairs are not here any more."""
    try:
        return corpus().right(line)
    except Problem:
        return ()
