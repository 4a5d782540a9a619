"""Row 6: characters per second that a decoder writes, compared with nanoGPT and `transformers`.

All three have 4 layers, 4 heads, embedding size 128 and random weights (speed does not depend on them). Each
writes 512 characters one by one after a first one, drawn at temperature 1 from all 65. Ours and nanoGPT's look
back at most 256 characters. GPT-2 in `transformers` cannot write past its last position while it keeps its
cache, so it gets positions for the whole text. In the second half it looks back further, which takes little
time. Each writes with one thread and with all, and the better speed counts.
"""

import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import torch

from lm.costs.sizes import count_parameters
from lm.generation import SamplingConfig, generate
from lm.ladder import RUNGS
from lm.settings import describe
from tests.benchmarks import checkouts, machine, nanogpt
from tests.benchmarks.report import Result, Setup, Table, benchmark, spread, take_turns, times

LAYERS, HEADS, WIDTH, CONTEXT, VOCABULARY = 4, 4, 128, 256, 65
NEW_TOKENS = 512


@benchmark("Characters per second, batch 1, decoder 4 × 128, context 256, writing 512")
@click.option("--nanogpt", "checkout", type=checkouts.FOLDER, help="An unmodified checkout.")
@click.option(
    "--set", "changed", multiple=True, metavar="NAME=VALUE", help="Another setting of our decoder."
)
def main(setup: Setup, checkout: Path | None, changed: tuple[str, ...]) -> Result:
    """Row 6: sampling from our decoder, from nanoGPT, and from GPT-2 in `transformers` with its cache."""
    tokens = 32 if setup.quick else NEW_TOKENS
    settings = _settings(changed)
    writers: dict[str, tuple[Callable[..., tuple[int, float]], Any]] = {"ours": (ours, settings)}
    notes = [f"{tokens} characters, after 32 that are not timed; parameters differ by details"]
    if checkout:
        writers["nanoGPT"] = (theirs, checkout)
        notes.append(f"nanoGPT: {checkouts.commit(checkout, 'model.py')}, `model.generate`")
    if find_spec("transformers"):
        writers["transformers GPT-2, with cache"] = (transformers_gpt2, None)
    else:
        notes.append(
            "transformers is not installed: pip install -r tests/benchmarks/requirements.txt"
        )
    if settings:
        notes.append(f"ours with {', '.join(changed)}")

    threads = sorted({1, setup.cores})
    contestants = {
        f"{name}, threads: {count}": (
            lambda _, write=write, extra=extra, count=count: machine.in_fresh_process(
                write, tokens, count, extra
            )
        )
        for name, (write, extra) in writers.items()
        for count in threads
    }
    found = take_turns(setup.rounds, contestants)
    return Result([_table(list(writers), threads, found)], notes)


def ours(tokens: int, threads: int, settings: dict[str, Any]) -> tuple[int, float]:
    """Parameters and characters per second of this project's decoder."""
    torch.set_num_threads(threads)
    rung = RUNGS["decoder_transformer"]
    sizes = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH, "context_length": CONTEXT}
    model = rung.model(rung.config.make(**(sizes | settings)), VOCABULARY)

    def write(count: int) -> None:
        sampling = SamplingConfig(temperature=1.0, max_new_tokens=count)
        assert sum(1 for _ in generate(model, torch.tensor([0]), CONTEXT, sampling)) == count

    return count_parameters(model), _speed(write, tokens)


def theirs(tokens: int, threads: int, checkout: Path) -> tuple[int, float]:
    """Parameters and characters per second of nanoGPT, from a checkout."""
    torch.set_num_threads(threads)
    sizes = {"n_layer": LAYERS, "n_head": HEADS, "n_embd": WIDTH, "block_size": CONTEXT}
    model = nanogpt.build(checkout, **sizes, vocab_size=VOCABULARY, dropout=0.0, bias=False)
    model.eval()

    def write(count: int) -> None:
        assert model.generate(torch.tensor([[0]]), count).shape == (1, count + 1)

    return count_parameters(model), _speed(write, tokens)


def transformers_gpt2(tokens: int, threads: int, _: None) -> tuple[int, float]:
    """Parameters and characters per second of GPT-2 in `transformers`."""
    transformers = import_module("transformers")
    torch.set_num_threads(threads)
    config = transformers.GPT2Config(
        n_layer=LAYERS,
        n_head=HEADS,
        n_embd=WIDTH,
        n_positions=tokens + 1,
        vocab_size=VOCABULARY,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = transformers.GPT2LMHeadModel(config).eval()

    def write(count: int) -> None:
        start = torch.tensor([[0]])
        written = model.generate(
            start,
            attention_mask=torch.ones_like(start),
            max_new_tokens=count,
            do_sample=True,
            top_k=0,
            temperature=1.0,
            use_cache=True,
            pad_token_id=0,
        )
        assert written.shape == (1, count + 1)

    return count_parameters(model), _speed(write, tokens)


def _speed(write: Callable[[int], None], tokens: int) -> float:
    write(32)
    began = time.perf_counter()
    write(tokens)
    return tokens / (time.perf_counter() - began)


def _settings(changed: tuple[str, ...]) -> dict[str, Any]:
    """`NAME=VALUE` as settings of the decoder's config."""
    kinds = {field.name: field.kind for field in describe(RUNGS["decoder_transformer"].config)}
    convert: dict[str, Callable[[str], Any]] = {
        "int": int,
        "float": float,
        "bool": lambda text: text == "true",
        "choice": str,
    }
    made = {}
    for text in changed:
        name, _, value = text.partition("=")
        if name not in kinds:
            raise click.UsageError(
                f"The decoder has no setting {name!r}; it has {', '.join(kinds)}."
            )
        made[name] = convert[kinds[name]](value)
    return made


def _table(
    names: list[str], threads: list[int], found: dict[str, list[tuple[int, float]]]
) -> Table:
    rows, best = [], {}
    for name in names:
        sides = [found[f"{name}, threads: {count}"] for count in threads]
        speeds = [[speed for _, speed in side] for side in sides]
        best[name] = max(statistics.median(side) for side in speeds)
        rows.append([name, f"{sides[0][0][0]:,}", *map(spread, speeds), ""])
        if name != "ours":
            rows[-1][-1] = times(best["ours"] / best[name])
    threads_titles = [f"characters/s, {n} thread{'s' if n > 1 else ''}" for n in threads]
    return Table(["", "parameters", *threads_titles, "ours is faster, best to best"], rows)


if __name__ == "__main__":
    main()
