"""The card "What would it take?": its numbers are those of `lm`, and nonsense is answered in a sentence."""

from lm.costs.published import MODELS, PROCESSORS
from lm.costs.told import sentence
from lm.costs.training import Take, of_published
from playground.tabs.costs_card import FIRST, table


def test_the_card_tells_what_lm_reckons():
    for model in MODELS:
        told = table(model, 64, "t4")
        assert sentence(Take(of_published(model), 64, PROCESSORS["t4"])) in told
    assert "174,604,259,328" in table(*FIRST)


def test_nonsense_is_answered_in_a_sentence():
    """Values come as they were typed (`events.py`): also none at all, or those of another page."""
    for gpus in (None, "", 0, -1, 1e12, float("nan"), [8]):
        assert "number of GPUs from 1 to" in table("gpt2", gpus, "h100")
    for model, kind in (("gpt5", "h100"), ("gpt2", "tpu"), (None, None), ([], {})):
        assert table(model, 8, kind) == "<p>Choose a model and a kind of GPU.</p>"
