"""Every number in a lesson is computed again: sizes, shapes, settings, and the worked examples."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lm import corpora, ngrams, runs, tokenizers
from lm.costs.sizes import count_parameters
from lm.errors import CorpusProblem
from lm.generation import next_token_distribution
from lm.ladder import RUNGS
from lm.tokenizers import TokenizerConfig, views
from lm.training.config import TrainingConfig
from playground.cutting.facts import count_words
from playground.services import SHIPPED
from tests.playground.lesson_texts import plain, run_code, section_text, text_of

VOCABULARY = 65  # Tiny Shakespeare's, which the lessons' numbers are about


@pytest.mark.parametrize(
    ("n_embd", "context_length", "n_layer", "vocab_size"),
    [(128, 64, 3, 65), (32, 8, 1, 65), (48, 16, 5, 17)],
)
def test_the_parameter_formula_counts_the_real_model(
    n_embd: int, context_length: int, n_layer: int, vocab_size: int
) -> None:
    rung = RUNGS["decoder_transformer"]
    config = rung.config.make(
        n_embd=n_embd, n_head=4, context_length=context_length, n_layer=n_layer
    )
    formula = run_code("decoder_transformer")["parameters"]
    counted = count_parameters(rung.model(config, vocab_size))
    assert formula(V=vocab_size, C=n_embd, T=context_length, L=n_layer) == counted


@pytest.mark.parametrize("name", RUNGS)
def test_the_text_names_the_default_models_size(name: str) -> None:
    rung = RUNGS[name]
    size = count_parameters(rung.model(rung.config(), VOCABULARY))
    assert f"{size:,}" in plain(text_of(name))


@pytest.mark.parametrize("name", RUNGS)
def test_the_shapes_are_those_of_the_defaults(name: str) -> None:
    rung = RUNGS[name]
    config: Any = rung.config()
    T, table = config.context_length, section_text(name, "The shapes")
    # A counting model, evaluated four rows at a time.
    if not isinstance(rung.training, TrainingConfig):
        assert f"(4, {T}, {VOCABULARY})" in table
        return
    B, C = rung.training.batch_size, config.n_embd
    assert f"({B}, {T}, {C})" in table
    vocabulary = VOCABULARY
    if rung.rewrites:  # no text: the pairs of the included run
        vocabulary = runs.open_run(SHIPPED / name).tokenizer().vocab_size
    assert f"({B}, {T}, {vocabulary})" in table
    if "n_head" in rung.config.model_fields:
        assert f"({B}, {config.n_head}, {T}, {T})" in table


@pytest.mark.parametrize("name", ["single_head_attention", "multi_head_attention"])
def test_the_output_head_reads_the_position_and_the_result_of_attention(name: str) -> None:
    rung = RUNGS[name]
    config: Any = rung.config()
    model: Any = rung.model(config, VOCABULARY)
    B, T, C = rung.training.batch_size, config.context_length, config.n_embd
    assert model.head.in_features == 2 * C
    table = section_text(name, "The shapes")
    assert f"| x and found, concatenated | (B, T, 2C) | ({B}, {T}, {2 * C}) |" in table


@pytest.mark.parametrize("name", ["single_head_attention", "multi_head_attention"])
def test_an_attention_model_computes_the_formula_of_its_lesson(name: str) -> None:
    """Written here as in the lesson, head by head; a code that is arranged otherwise must give the same."""
    torch.manual_seed(0)
    rung = RUNGS[name]
    model: Any = rung.model(rung.config(), VOCABULARY)
    E, P, heads = model.token_embedding.weight, model.position_embedding.weight, model.attention
    tokens = torch.randint(VOCABULARY, (20,))
    X = E[tokens] + P[:20]  # (T, C)
    M = torch.full((20, 20), float("-inf")).triu(1)
    projections = (heads.query(X), heads.key(X), heads.value(X))  # (T, C) each
    count = rung.config().model_dump().get("n_head", 1)
    found = []
    for Q, K, V in zip(*(x.chunk(count, dim=1) for x in projections), strict=True):
        weights = F.softmax(Q @ K.T / math.sqrt(Q.shape[1]) + M, dim=1)
        found.append(weights @ V)  # (T, D)
    A = torch.cat(found, dim=1)  # (T, C)
    if count > 1:
        A = A @ heads.projection.weight.T + heads.projection.bias
    z = torch.cat([X, A], dim=1) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(tokens[None])[0], z)


def test_the_single_heads_parameters_add_up() -> None:
    model: Any = RUNGS["single_head_attention"].model(
        RUNGS["single_head_attention"].config(), VOCABULARY
    )
    parts = (
        model.token_embedding.weight.numel(),
        model.position_embedding.weight.numel(),
        count_parameters(model.attention),
        model.head.weight.numel(),
        model.head.bias.numel(),
    )
    told = " + ".join(f"{part:,}" for part in parts) + f" = {count_parameters(model):,}"
    assert told in section_text("single_head_attention", "The shapes")


def test_the_multi_heads_parameters_add_up() -> None:
    model: Any = RUNGS["multi_head_attention"].model(
        RUNGS["multi_head_attention"].config(), VOCABULARY
    )
    projection = count_parameters(model.attention.projection)
    parts = (
        count_parameters(model.token_embedding) + count_parameters(model.position_embedding),
        count_parameters(model.attention) - projection,
        projection,
        count_parameters(model.head),
    )
    told = " + ".join(f"{part:,}" for part in parts) + f" = {count_parameters(model):,}"
    assert told in section_text("multi_head_attention", "The shapes")


def test_how_it_learns_names_the_default_settings() -> None:
    text = section_text("bigram", "How it learns")
    for rung in RUNGS.values():
        training = rung.training
        if not isinstance(training, TrainingConfig):  # a counting model
            continue
        assert f"over the first {training.warmup_steps} steps" in text
        assert training.decay == "linear" and "along a straight line" in text
        assert f"longer than {training.gradient_clip:g} is shortened" in text
        assert rf"$\lambda = {training.weight_decay:g}$" in text
    every = f"every {TrainingConfig().evaluate_every} steps"
    assert every in section_text("bigram", "What to try")


def test_the_numbers_of_the_four_characters_are_right() -> None:
    text = section_text("bigram", "A worked example") + section_text("bigram", "Writing")
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
    probabilities = F.softmax(logits, dim=0)
    gradient = probabilities - torch.tensor([0.0, 1.0, 0.0, 0.0])
    shown = [
        *(f"{p:.3f}" for p in probabilities.tolist()),
        *(f"{-math.log(p):.2f}" for p in probabilities.tolist()),
        *(f"{g:.3f}".replace("-", "−") for g in gradient.tolist()),
        *(f"{next_token_distribution(logits, temperature=t)[0]:.3f}" for t in (0.5, 2.0)),
        *(f"{p:.3f}" for p in next_token_distribution(logits, top_k=2).tolist() if p),
        *(f"{p:.3f}" for p in next_token_distribution(logits, top_p=0.9).tolist() if p),
    ]
    assert [number for number in shown if number not in text] == []


def test_the_numbers_of_the_counted_example_are_right() -> None:
    text = section_text("ngram", "A worked example")
    counting = ngrams.count(np.array([0, 1, 4, 0, 2, 0, 3, 0, 1, 4, 0]), 5, 2)
    for number, character in enumerate("abcdr"):
        p = counting.probabilities(np.array([0, number]))[1]
        row = next(line for line in text.splitlines() if line.startswith(f"| `{character}` |"))
        assert row.endswith(f"| {p:.3f} |")
    shortest = [counting.probabilities(np.array([number]))[0] for number in (0, 1)]
    assert f"= {shortest[1]:.3f}$ for *b*, and {shortest[0]:.3f} for *a*" in text


def test_the_counts_in_the_ngram_lesson_are_right() -> None:
    """They are the numbers of n-grams of each length in the included run."""
    model, _ = runs.open_run(SHIPPED / "ngram").model()
    found = [len(level.characters) for level in model.levels]  # type: ignore[union-attr,arg-type]
    told = section_text("ngram", "Why raw counts fail")
    for length, number in enumerate(found, start=1):
        assert f"| {length} | {number:,} |" in told
    assert f"{sum(found):,} in all" in section_text("ngram", "The shapes")


def test_the_baselines_in_bits_and_perplexity_are_right() -> None:
    text = section_text("bigram", "What the loss means")
    assert f"{math.log(VOCABULARY):.3f}" == "4.174"
    for nats in (4.174, 3.347, 2.482, 1.561):
        row = next(line for line in text.splitlines() if f"| {nats:.3f} |" in line)
        assert f"| {nats / math.log(2):.2f} | {math.exp(nats):.1f} |" in row


def test_the_numbers_of_the_attention_example_are_right() -> None:
    text = section_text("single_head_attention", "A worked example")
    q = torch.tensor([2.0, 1.0])
    k = torch.tensor([[1.0, 1.0], [0.0, -1.0], [2.0, 0.0], [1.0, 0.0]])
    v = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0], [0.0, 2.0]])
    weights = F.softmax(k @ q / math.sqrt(2), dim=0)
    for weight in weights.tolist():
        assert f"| {weight:.3f} |" in text
    x, y = (weights @ v).tolist()
    assert f"= ({x:.2f}, {y:.2f})$" in text
    assert f"$W$ then reads $(0.5, -1, {x:.2f}, {y:.2f})$" in text


def test_the_variances_of_products_are_right() -> None:
    random = torch.Generator().manual_seed(0)
    text = section_text("single_head_attention", "Why divide by the square root of D")
    for size in (16, 32, 128):
        q, k = (torch.randn(20_000, size, generator=random) for _ in range(2))
        variance = (q * k).sum(dim=1).var().item()
        row = next(line for line in text.splitlines() if line.startswith(f"| {size} |"))
        told, divided = (float(cell) for cell in row.split("|")[2:4])
        assert told == pytest.approx(variance, rel=0.05)
        assert divided == pytest.approx(variance / size, rel=0.05)


def test_the_numbers_of_tokens_are_those_of_tiny_shakespeare() -> None:
    """Words, pieces, and the losses of counts alone."""
    try:
        corpus = corpora.load("tiny_shakespeare")
    except CorpusProblem as problem:
        pytest.skip(str(problem))
    assert isinstance(corpus, corpora.Corpus)
    text, words = plain(text_of("tokens")), count_words(corpus)
    told = [words.different, words.once, len(corpus.train_text)]
    for size in (1024, 8192):
        config = TokenizerConfig(tokenizer="bpe", vocab_size=size)
        tokenizer = tokenizers.train(config, corpus.text, corpus.train_text)
        ids = tokenizer.encode(corpus.train_text)
        usage = views.usage(ids, size, len(corpus.train_text))
        if size == 1024:
            told += [len(ids), (size - VOCABULARY) * 128]
            for loss in (usage.nats_per_token, usage.nats_per_character):
                assert f"{loss:.2f}" in text
            assert f"{usage.characters_per_token:.2f}" in text
            assert len(tokenizer.encode("strawberry")) == 5
        else:
            told.append((usage.counts < 10).sum())
    for number in told:
        assert f"{number:,}" in text, number
    assert f"{100 * words.unseen / words.validation:.1f} %" in text
    assert {one for one in corpus.train_text if one.isdigit()} == {"3"}
