"""Row 18: rewriting lines: how many answers are right after a time of training, with an encoder and without.

A contestant is timed for some steps, and then trained for as many as fit into its time, so that its learning
rate decays to the end. Beside the encoder–decoder stands a decoder of as many parameters on the same pairs, for
the same time. `--run ROW=FOLDER` reads a run that was trained before in place of training one.

Sentences are those of Multi30k, German to English: `LM_MULTI30K` names a folder with `train.de.gz`,
`train.en.gz`, `test_2016_flickr.de.gz` and `test_2016_flickr.en.gz`. They are left out without it.
"""

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from lm import recipes, runs
from lm.rewriting import Rewriter
from tests.benchmarks import lm_command
from tests.benchmarks.machine import ROOT
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress

COLUMNS = (
    "row",
    "task",
    "model",
    "parameters",
    "steps",
    "seconds of training",
    "edit distance",
    "measured",
    "reach",
    "reached after, s",
    "holds",
)
TIMED, FIRST = 240, 40  # steps that are timed, and how many of them do not count
LEAVES = 0.93  # of the time: a processor is quicker while it is cool
TEST = "test_2016_flickr"
SHIPPED = ROOT / "checkpoints" / "encoder_decoder-pronunciation"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """What is trained, for how long, and what it must reach.

    settings: of `lm train`, beside the recipe's of that name. score: of `SCORES`. reach: a bound of the score;
    None: it is only shown.
    """

    task: str
    corpus: str
    seconds: float
    recipe: str
    score: str = "right"
    reach: float | None = None
    model: str = "encoder_decoder"
    settings: Values = field(default_factory=dict)


# A score of a run's last evaluation and how it is written; of words and sounds, errors are told.
SCORES: dict[str, Callable[[Values], tuple[float, str]]] = {
    "right": lambda scores: (scores["exact"], f"{scores['exact']:.1%} right"),
    "word error": lambda scores: (scores["exact"], f"{1 - scores['exact']:.1%} word error"),
    "BLEU": lambda scores: (scores["bleu"], f"BLEU {scores['bleu']:.1f}"),
}
SOUNDS: Values = {"tokenizer": "bpe", "vocab_size": 384}  # a piece is a sound
SENTENCES: Values = {"tokenizer": "bpe", "vocab_size": 4096}

# Decoders of as many parameters: a layer of a decoder has 12 C² weights, one of the encoder–decoder 28 C². So 5
# layers of width 124 are as large as 2 of width 128, and 7 of width 52 as 2 of width 64.
FIVE: Values = {"n_layer": 5, "n_embd": 124}
SEVEN: Values = {"n_layer": 7, "n_embd": 52}

ROWS: dict[str, Row] = {
    "numbers-75s": Row("number words", "number_words", 75, "number-words", reach=0.90),
    "numbers-75s-decoder": Row(
        "number words",
        "number_words",
        75,
        "number-words",
        model="decoder_transformer",
        settings=SEVEN | {"context_length": 160},
    ),
    "numbers-3min": Row("number words", "number_words", 180, "number-words", reach=0.99),
    "numbers-3min-decoder": Row(
        "number words",
        "number_words",
        180,
        "number-words",
        model="decoder_transformer",
        settings=SEVEN | {"context_length": 160},
    ),
    "sums": Row("sums, up to 4 digits", "sums", 300, "sums", reach=0.99),
    "sums-decoder": Row(
        "sums, up to 4 digits",
        "sums",
        300,
        "sums",
        model="decoder_transformer",
        settings=FIVE | {"context_length": 32},
    ),
    "sounds-2min": Row(
        "pronunciation", "pronunciation", 120, "pronunciation", "word error", 0.60, settings=SOUNDS
    ),
    "sounds-5min": Row(
        "pronunciation", "pronunciation", 300, "pronunciation", "word error", 0.67, settings=SOUNDS
    ),
    "sounds-5min-decoder": Row(
        "pronunciation",
        "pronunciation",
        300,
        "pronunciation",
        "word error",
        model="decoder_transformer",
        settings=SOUNDS | FIVE | {"context_length": 64},
    ),
    "sounds-shipped": Row(
        "pronunciation, shipped",
        "pronunciation",
        3600,
        "pronunciation",
        "word error",
        0.73,
        settings=SOUNDS,
    ),
    "sentences": Row(
        "German to English", "multi30k", 1800, "sentences", "BLEU", 30, settings=SENTENCES
    ),
}

QUICK = ("sums", "sums-decoder")


@benchmark("Rewriting lines: what is right after a time of training", rounds=1, with_corpus=False)
@click.option("--row", "chosen", multiple=True, help=f"{', '.join(ROWS)}; all, if left out.")
@click.option(
    "--run", "given", multiple=True, help="ROW=FOLDER: read this run instead of training."
)
@click.option("--out", type=click.Path(path_type=Path), help="Keep the runs in this folder.")
def main(setup: Setup, chosen: tuple[str, ...], given: tuple[str, ...], out: Path | None) -> Result:
    """Row 18: number words, sums, pronunciation and sentences, with an encoder and with a decoder alone."""
    existing = {name: Path(folder) for name, _, folder in (one.partition("=") for one in given)}
    if "sounds-shipped" not in existing and SHIPPED.is_dir():
        existing["sounds-shipped"] = SHIPPED
    names = list(chosen) or list(existing if given else QUICK if setup.quick else ROWS)
    unknown = [name for name in (*names, *existing) if name not in ROWS]
    if unknown:
        raise click.ClickException(f"There is no row {unknown[0]!r}: choose of {', '.join(ROWS)}.")
    notes = []
    with TemporaryDirectory() as folder:
        texts = sentences(Path(folder))
        if texts is None and "sentences" in names:
            names = [name for name in names if name != "sentences"]
            notes.append("sentences left out: set LM_MULTI30K to the folder of Multi30k")
        rows = []
        for name in names:
            place = existing.get(name)
            read = place is not None
            run = (
                runs.open_run(place) if place else trained(setup, name, texts, out or Path(folder))
            )
            rows.append(told(name, run, scores_of(run, ROWS[name], setup.quick)))
            progress(f"{name}: {'read' if read else 'trained'}, {rows[-1][7]}")
    notes.append("longer: sums of five-digit numbers, longer than any learned")
    return Result([Table(COLUMNS, rows)], notes)


def trained(setup: Setup, name: str, texts: Path | None, out: Path) -> runs.Run:
    """A run of a row, as long as its time."""
    row = ROWS[name]
    corpus = str(texts) if row.corpus == "multi30k" else row.corpus
    words = ["--recipe", base(row), *lm_command.flags(settings(row))]
    steps = 2
    if not setup.quick:
        brief = ["--steps", str(TIMED), "--warmup-steps", "1", "--evaluate-every", "100000"]
        with TemporaryDirectory() as folder:
            timed = lm_command.train(Path(folder) / "run", corpus, *words, *brief, model=row.model)
            taken = lm_command.step_seconds(timed)[FIRST:]
        steps = max(10, round(LEAVES * row.seconds * len(taken) / sum(taken)))
    planned = ["--steps", str(steps), "--evaluate-every", str(max(1, steps // 5))]
    return lm_command.train(out / name, corpus, *words, *planned, model=row.model)


def base(row: Row) -> str:
    """The recipe that the settings of a row change: a decoder takes those of the encoder–decoder's."""
    return row.recipe if row.model == "encoder_decoder" else "classic"


def settings(row: Row) -> dict[str, Any]:
    """The settings of a row; both models take those of the encoder–decoder's recipe."""
    recipe = next(one for one in recipes.ENCODER_DECODER if one.name == row.recipe)
    found = {**recipe.settings, **row.settings}
    return {name: value for name, value in found.items() if name not in ("steps", "evaluate_every")}


def scores_of(run: runs.Run, row: Row, quick: bool) -> dict[str, float]:
    """The scores of a run's last evaluation, and BLEU if its row asks for it."""
    scores = dict(run.evaluations()[-1]["scores"])
    return scores | ({"bleu": bleu(run, 4 if quick else None)} if row.score == "BLEU" else {})


def told(name: str, run: runs.Run, scores: Values) -> list[str]:
    """A line of the table."""
    row, last = ROWS[name], run.evaluations()[-1]
    reached, measured = SCORES[row.score](scores)
    if "exact_longer" in scores:
        measured += f"; longer: {scores['exact_longer']:.1%}"
    bound = "–"
    if row.reach is not None:
        bound = f"{row.reach:.0f}" if row.score == "BLEU" else f"{row.reach:.0%} right"
        bound += f" in {row.seconds:.0f} s"
    first = first_reached(run, row, reached)
    return [
        name,
        row.task,
        run.plan.rung.title,
        f"{run.record.parameters:,}",
        f"{last['step']:,}",
        f"{last['seconds']:.0f}",
        f"{scores['edit_distance']:.4f}",
        measured,
        bound,
        "–" if first is None else f"{first:.0f}",
        "–" if row.reach is None else "yes" if first and first <= row.seconds else "**no**",
    ]


def first_reached(run: runs.Run, row: Row, last: float) -> float | None:
    """Seconds of training until the first evaluation that reaches the row's bound; None: none does.

    last: the score of the last evaluation; BLEU is known of that one alone.
    """
    if row.reach is None:
        return None
    found = run.evaluations()
    scores = [SCORES[row.score](one["scores"])[0] for one in found[:-1] if row.score != "BLEU"]
    reached = zip(found[-1 - len(scores) :], [*scores, last], strict=True)
    return next((one["seconds"] for one, score in reached if score >= row.reach), None)


def bleu(run: runs.Run, most: int | None = None) -> float:
    """The BLEU of a run's greedy answers to the test sentences of Multi30k, by sacrebleu."""
    import sacrebleu  # here, because the other rows do without

    folder = Path(os.environ["LM_MULTI30K"])
    german, english = (lines(folder / f"{TEST}.{side}.gz")[:most] for side in ("de", "en"))
    model, _ = run.model()
    tokenizer = run.tokenizer()
    known = [tokenizer.decode(tokenizer.encode_known(line)[0]) for line in german]
    answers = Rewriter(model, tokenizer, run.plan.context_length).rewrite(known)
    return sacrebleu.corpus_bleu([one.text for one in answers], [english]).score


def sentences(folder: Path) -> Path | None:
    """The training pairs of Multi30k as a .tsv file in `folder`; None if nobody says where they are."""
    source = os.environ.get("LM_MULTI30K")
    if not source:
        return None
    sides: Sequence[list[str]] = [lines(Path(source) / f"train.{side}.gz") for side in ("de", "en")]
    path = folder / "de-en.tsv"
    pairs = (f"{de}\t{en}\n" for de, en in zip(*sides, strict=True) if de.strip() and en.strip())
    path.write_text("".join(pairs), "utf-8")
    return path


def lines(path: Path) -> list[str]:
    """The lines of a compressed file, without tabs."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n").replace("\t", " ") for line in file]


if __name__ == "__main__":
    main()
