"""What the command line says of pairs, returned as text: an answer, the likeliest answers, a corpus."""

from dataclasses import replace
from typing import Any

from lm.corpora import PairCorpus
from lm.errors import SettingsProblem
from lm.generation import SamplingConfig
from lm.rewriting import Answer, Rewriter
from lm.tasks.without_learning import known_scores


def rewritten(
    rewriter: Rewriter, line: str | None, beams: int | None, given: dict[str, Any]
) -> str:
    """The answer to a line; with beams, the likeliest answers, a line each, with their probabilities.

    given: the settings of sampling that were typed. Without any, the answer is the likeliest at each step.
    """
    if line is None:
        raise SettingsProblem("This model rewrites a line: give one with --prompt.")
    if beams is None:
        sampling = SamplingConfig.make(**{"temperature": 0.0} | given)
        if "max_new_tokens" in given:
            rewriter = replace(rewriter, longest=sampling.max_new_tokens)
        return _told(rewriter.rewrite([line.strip()], sampling)[0])
    if given:
        flag = min(given).replace("_", "-")
        raise SettingsProblem(f"Beams are not drawn: leave out --{flag}, or --beams.")
    answers = rewriter.alternatives(line.strip(), beams)
    return "\n".join(f"{answer.probability:7.2%}  {_told(answer)}" for answer in answers)


def corpus_told(corpus: PairCorpus, characters: int) -> str:
    """How large a corpus is, and how many of its held-out lines are right without learning."""
    counts = f"{len(corpus.train):,} pairs to learn from, {len(corpus.validation):,} to check"
    if corpus.longer:
        counts += f", {len(corpus.longer):,} longer ones to check"
    lines = [f"{counts}; {characters} distinct characters"]
    for name, known in known_scores(corpus).items():
        lines.append(
            f"  {name:9} {known.exact:.1%} exactly right, edit distance {known.edit_distance:.3f}"
        )
    return "\n".join(lines)


def _told(answer: Answer) -> str:
    return answer.text + ("" if answer.ended else " …")
