"""Runs whose tokens are pieces of words: texts without broken characters, and true sentences."""

import json
import math

import numpy as np
import pytest

from lm.generation import SamplingConfig
from lm.inside.ablation import without_heads
from lm.ladder import RUNGS
from lm.plan import Plan
from lm.runs import recording
from lm.runs.facts import text_key
from lm.tokenizers import TokenizerConfig
from lm.training.loop import train
from playground import prompts
from playground.looking import inside, writing
from playground.looking.head_costs import comparison
from playground.runs import side_by_side
from playground.runs.side_by_side import Pane
from playground.tabs.actions import Actions
from playground.tabs.guiding import Guiding
from tests.playground.answers import written
from tests.playground.conftest import services_over

PIECES = {"tokenizer": "bpe", "vocab_size": 300}
NAMES = ["ngram", "bigram", "decoder_transformer"]
TEXT = "The king 日本 é went away. "


@pytest.fixture(scope="module")
def pieces(tmp_path_factory, play, tiny_plan):
    """A server with a run of each of `NAMES` on pieces of a text with characters of several bytes."""
    folder = tmp_path_factory.mktemp("pieces")
    services = services_over(folder / "runs", folder / "shipped")
    mixed = TEXT.join(play[at : at + 200] for at in range(0, len(play), 200))
    key = services.texts.add(mixed.encode())
    text = services.texts.get(key, TokenizerConfig.make(**PIECES))
    for name in NAMES:
        plan: Plan = tiny_plan(RUNGS[name], steps=2, evaluate_every=2, **PIECES)
        run = text.new_run(services.library.runs_folder / name, plan)
        for _ in recording.record(run, train(plan, text.data)):
            pass
    yield services
    services.close()


def run_of(services, name):
    return services.library.view(f"local:{name}").run


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prompt", ["The ki", "The k", "日", "", "The king "])
def test_a_prompt_that_ends_within_a_piece_is_told_once(name, prompt, pieces):
    """The first tokens spell its end, and the text goes on after it, in Write and on the Runs tab alike."""
    settings = {"max_new_tokens": 40, "temperature": 1.5}
    last = written(Actions(RUNGS[name], pieces), f"local:{name}", prompt, **settings)
    text = "".join(one[0] for one in last["tokens"])
    assert last["prompt"] == prompt and last["done"]
    pane = Pane(f"local:{name}", prompt, run_of(pieces, name))
    *_, [beside] = side_by_side.write(pieces.snapshots, [pane], SamplingConfig.make(**settings))
    assert (beside["prompt"], beside["text"]) == (prompt, text)
    begin, _, _ = prompts.begin(run_of(pieces, name).tokenizer(), prompt)
    assert begin.rest.decode() == prompt[len(prompt) - len(begin.rest.decode()) :]
    sent = [one[3] if len(one) > 3 else one[0] for one in last["tokens"]]
    assert all(sent), "each token has a name, also half of a character"


def test_half_a_character_is_shown_once_it_is_whole_and_named_by_its_byte(pieces):
    tokenizer = run_of(pieces, "bigram").tokenizer()
    ids = [id for id in range(tokenizer.vocab_size) if len(tokenizer.token_bytes(id)) == 1]
    byte = next(id for id in ids if tokenizer.token_bytes(id) == b"\xe2")
    flat = np.full(tokenizer.vocab_size, 1 / tokenizer.vocab_size)
    assert writing.written(byte, flat, tokenizer, "")[::3] == ["", "<0xE2>"]
    assert len(writing.written(ids[0], flat, tokenizer, tokenizer.token_text(ids[0]))) == 3


@pytest.mark.parametrize("name", NAMES)
def test_every_view_shows_pieces(name, pieces):
    actions = Actions(RUNGS[name], pieces)
    model, _ = pieces.snapshots.model(run_of(pieces, name), None)
    for view in inside.views_of(model):
        answer = actions.look([f"local:{name}", None, TEXT, view, {}])
        assert answer.get("kind") == view, answer
        json.dumps(answer, allow_nan=False)
    sample = actions.look([f"local:{name}", None, TEXT, "choices", {}])["tokens"]
    assert "".join(one[0] for one in sample) == TEXT


def test_the_loss_that_is_told_is_per_character(pieces):
    """Knowing nothing costs ln V for a piece, and so much less for a character as a piece has of them."""
    run = run_of(pieces, "bigram")
    each = run.record.characters_per_token
    answer = Actions(RUNGS["bigram"], pieces).look(["local:bigram", 0, "", "surprise", {}])
    passage = "".join(answer["tokens"])
    losses = answer["losses"][1:]
    after = len(passage) - len(answer["tokens"][0])
    assert answer["per_character"] == pytest.approx(sum(losses) / after, rel=1e-3)
    assert answer["uniform"] == pytest.approx(math.log(300))
    first = next(line["loss"] for line in run.metrics() if line["type"] == "evaluation")
    assert first == pytest.approx(answer["uniform"] / each, rel=0.1)
    assert each > 1.3, "far from one, so the division is seen"


def test_the_cost_of_a_head_is_per_character(pieces):
    """As the loss above it is: per piece, it would be larger than that loss."""
    run = run_of(pieces, "decoder_transformer")
    model, _ = pieces.snapshots.model(run, None)
    text = pieces.texts.get(text_key(run.record.corpus)).corpus
    compare = comparison(run, model, without_heads(model, [(0, 0)]), lambda: text)
    *_, cost = compare()
    assert cost.characters > 0.5 * len(text.validation_text)
    best = Actions(run.plan.rung, pieces).poll(["local:decoder_transformer", 0, 0])["best"]
    assert cost.loss == pytest.approx(best, abs=0.1)


def test_a_pass_over_the_text_counts_its_pieces(pieces):
    record = run_of(pieces, "decoder_transformer").record
    assert record.passes(1) == pytest.approx(record.tokens_per_step / record.train_tokens)


def test_the_estimate_tells_a_context_of_pieces_in_characters(services, own_text, tiny_values):
    rung = RUNGS["bigram"]
    actions = Actions(rung, services)
    told = actions.estimate([own_text, *tiny_values(rung, context_length=64, **PIECES)])
    assert told["context"] == "64 tokens, about 90 characters"
    assert actions.estimate([own_text, *tiny_values(rung)])["context"] == ""


def test_a_guide_about_characters_says_so_of_pieces(pieces):
    told = Guiding(RUNGS["bigram"], pieces).happened([0, "local:bigram", []])
    assert "300 pieces" in told["text"] and "65" not in told["text"]
