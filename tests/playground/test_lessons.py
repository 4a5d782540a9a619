"""The lessons are complete and well formed, and their code runs."""

import re

import pytest
import torch

from lm.ladder import PRETRAINED, RUNGS, rung
from playground import controls
from playground.lessons import Lesson, lesson, names, sections
from tests.playground.lesson_texts import (
    FENCE,
    MODELS,
    OTHERS,
    code_of,
    formulas,
    plain,
    run_code,
    section_text,
    text_of,
)

LADDER = (
    "ngram",
    "bigram",
    "single_head_attention",
    "multi_head_attention",
    "single_block_transformer",
    "decoder_transformer",
    "encoder_decoder",
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
2.482; 1.561; 1.88; 1.4697; 618,817; cross-attention; teacher forcing; padding; beam search; BLEU;
edit distance; exactly right; 947,741
"""


def test_every_rung_of_the_ladder_has_a_lesson_of_its_own() -> None:
    assert set(LADDER) <= set(names())
    assert set(MODELS) <= {*RUNGS, PRETRAINED.name}, "a lesson without a model"
    assert set(names()) >= OTHERS


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


@pytest.mark.parametrize("name", MODELS)
def test_what_to_try_can_be_set_on_the_page(name: str) -> None:
    """An experiment's title, "Attention heads: 1, 4, 16", names a control and values it can take."""
    fields = {field.title: field for field in rung(name).settings().values()}
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
