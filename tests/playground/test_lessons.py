"""The lessons are complete and well formed, their code runs, and their numbers are computed again."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lm import ngrams, runs
from lm.generation import next_token_distribution
from lm.ladder import RUNGS
from lm.sizes import count_parameters
from lm.training.config import TrainingConfig
from playground.lessons import Lesson, lesson, names, sections
from playground.services import SHIPPED
from playground.tabs import controls

LADDER = (
    "ngram",
    "bigram",
    "single_head_attention",
    "multi_head_attention",
    "single_block_transformer",
    "decoder_transformer",
)
REQUIRED = (
    "The idea",
    "The formula",
    "The shapes",
    "A worked example",
    "What to try",
    "Questions people ask",
    "Sources",
)
CONCEPTS = """
token; id; corpus; validation split; 90 %; batch; context; target; embedding; logits; softmax;
cross-entropy; nat; bits; perplexity; uniform; unigram; bigram; 5-gram; Kneser; gradient;
learning rate; AdamW; warm-up; decay; gradient norm; step; overfitting; sample; temperature;
top-k; top-p; seed; average; lower-triangular; query; key; value; variance; causal mask;
position embedding; heads; concatenation; projection; feed-forward; ReLU; residual connections;
layer norm; pre-norm; dropout; stack; decoder-only; encoder–decoder; encoder-only;
regularisation; weight decay; early stopping; more data; parameters; nanoGPT; 4.174; 3.347;
2.482; 1.561; 1.88; 1.4697; 618,817
"""
VOCABULARY = 65  # Tiny Shakespeare's, which the lessons' numbers are about
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return "\n\n".join(part.markdown for part in lesson(name).sections)


def code_of(name: str) -> list[str]:
    return [code for language, code in FENCE.findall(text_of(name)) if language == "python"]


def formulas(markdown: str) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", markdown))
    return [a or b for a, b in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose, re.DOTALL)]


def run_code(name: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    for code in code_of(name):
        exec(code, namespace)
    return namespace


def plain(text: str) -> str:
    """Without the braces that LaTeX wants around a comma in a number."""
    return text.replace("{,}", ",")


def section_text(name: str, title: str) -> str:
    section = lesson(name).section(title)
    assert section is not None, f"{name} has no section {title!r}"
    return plain(section.markdown)


def test_every_rung_of_the_ladder_has_a_lesson_of_its_own() -> None:
    assert set(LADDER) <= set(names())
    assert set(names()) <= set(RUNGS), "a lesson without a model"


@pytest.mark.parametrize("name", RUNGS)
def test_every_model_has_a_lesson_with_sections(name: str) -> None:
    found = lesson(name, RUNGS[name].model.__doc__ or "")
    assert found.name == name
    assert found.sections


@pytest.mark.parametrize("name", names())
def test_every_lesson_has_the_required_sections_in_order(name: str) -> None:
    titles = [section.title for section in lesson(name).sections]
    assert [title for title in titles if title in REQUIRED] == list(REQUIRED)
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", names())
def test_a_lesson_has_500_to_1500_words(name: str) -> None:
    prose = FENCE.sub("", text_of(name))
    assert 500 < len(re.findall(r"[A-Za-z]{2,}", prose)) < 1500


@pytest.mark.parametrize("term", [term.strip() for term in CONCEPTS.replace("\n", " ").split(";")])
def test_some_lesson_mentions_every_concept(term: str) -> None:
    everything = plain("\n".join(text_of(name) for name in LADDER)).lower()
    pattern = rf"(?<![a-z0-9]){re.escape(term.lower())}"
    assert re.search(pattern, everything), f"no lesson mentions {term!r}"


@pytest.mark.parametrize("name", names())
def test_formulas_are_well_formed(name: str) -> None:
    """KaTeX shows an unbalanced formula as an error, and Markdown reads "<" and "|" as its own."""
    for section in lesson(name).sections:
        prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", section.markdown))
        assert prose.count("```") == 0, "a code fence is not closed"
        for block in re.split(r"\n\s*\n", prose):
            assert block.count("$$") % 2 == 0, block
            assert block.replace("$$", "").count("$") % 2 == 0, block
        for formula in formulas(section.markdown):
            assert "\n\n" not in formula
            assert "<" not in formula and "|" not in formula.replace(r"\|", "").replace(
                r"\mid", ""
            ), f"{formula}: would be read as HTML or as a table's border"
            bare = re.sub(r"\\[{}]", "", formula)
            assert bare.count("{") == bare.count("}"), formula
            for opening, closing in ((r"\\left\b", r"\\right\b"), (r"\\begin\b", r"\\end\b")):
                assert len(re.findall(opening, bare)) == len(re.findall(closing, bare)), formula


@pytest.mark.parametrize("name", names())
def test_the_formula_section_has_an_equation(name: str) -> None:
    assert any("=" in f or r"\leftarrow" in f for f in formulas(section_text(name, "The formula")))


@pytest.mark.parametrize("name", names())
def test_the_code_of_a_lesson_runs_and_its_assertions_hold(name: str) -> None:
    run_code(name)


def test_averaging_leads_to_attention() -> None:
    """Loop, matrix product and softmax give the same averages; attention equals PyTorch's and differs."""
    assert len(code_of("single_head_attention")) == 4
    seen = run_code("single_head_attention")
    x = seen["x"]
    means = x.cumsum(0) / torch.arange(1, len(x) + 1)[:, None]
    for result in ("looped", "multiplied", "softened"):
        torch.testing.assert_close(seen[result], means)
    torch.testing.assert_close(
        means, torch.tensor([[2.0, 0.0], [3.0, 0.5], [2.0, 2.0], [3.0, 2.0]])
    )
    torch.testing.assert_close(seen["attended"], seen["built_in"])
    assert not torch.allclose(seen["attended"], seen["softened"], atol=0.1)
    torch.testing.assert_close(seen["weights"].sum(dim=1), torch.ones(len(x)))


def test_the_residual_snippet_shows_what_the_text_says() -> None:
    seen = run_code("single_block_transformer")
    assert seen["chain"] == pytest.approx(1e-6)
    assert seen["straight"] == pytest.approx(1.77, abs=0.005)


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


@pytest.mark.parametrize("name", names())
def test_the_text_names_the_default_models_size(name: str) -> None:
    rung = RUNGS[name]
    size = count_parameters(rung.model(rung.config(), VOCABULARY))
    assert f"{size:,}" in plain(text_of(name))


@pytest.mark.parametrize("name", names())
def test_the_shapes_are_those_of_the_defaults(name: str) -> None:
    rung = RUNGS[name]
    config: Any = rung.config()
    T, table = config.context_length, section_text(name, "The shapes")
    if not isinstance(
        rung.training, TrainingConfig
    ):  # a counting model, evaluated four rows at a time
        assert f"(4, {T}, {VOCABULARY})" in table
        return
    B, C = rung.training.batch_size, config.n_embd
    assert f"({B}, {T}, {C})" in table
    assert f"({B}, {T}, {VOCABULARY})" in table
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


@pytest.mark.parametrize("name", names())
def test_what_to_try_can_be_set_on_the_page(name: str) -> None:
    """An experiment's title, "Attention heads: 1, 4, 16", names a control and values it can take."""
    fields = {field.title: field for field in RUNGS[name].settings().values()}
    tried = 0
    for title in re.findall(r"^- \*\*(.+?)\*\*", section_text(name, "What to try"), re.MULTILINE):
        field = next((fields[known] for known in fields if title.startswith(known)), None)
        if field is None:
            continue
        for number in re.findall(r"\d[\d.]*(?<!\.)", title.replace(",000", "000")):
            tried += 1
            if field.scale == "1-3-10":
                assert float(number) in controls.LEARNING_RATES
                continue
            low, high = controls.live_bounds(field)
            assert low <= float(number) <= high, title
    assert tried


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


def test_a_model_without_a_text_shows_its_docstring() -> None:
    found = lesson(
        "toy",
        """Copies its input.

        ## The formula

        $y = x$
        """,
    )
    assert [section.title for section in found.sections] == ["The idea", "The formula"]
    assert found.sections[0].markdown == "Copies its input."
    assert found.sections[1].markdown == "$y = x$"
    assert found.section("The formula") == found.sections[1]
    assert found.section("Sources") is None
    assert lesson("toy", "") == Lesson("toy", ())


@pytest.mark.parametrize("name", ["../lessons/bigram", "bigram.md", "", "./bigram"])
def test_a_name_is_never_a_path(name: str) -> None:
    assert [section.markdown for section in lesson(name, "own words").sections] == ["own words"]


def test_a_comment_in_code_is_no_heading() -> None:
    code = "```python\n## not a heading\n```"
    text = f"## One\n\n{code}\n\n## Two\n\nend\n\n### Deeper\n\nmore\n\n## Empty\n"
    assert [section.title for section in sections(text)] == ["One", "Two"]
    assert "## not a heading" in sections(text)[0].markdown
    assert "### Deeper" in sections(text)[1].markdown
