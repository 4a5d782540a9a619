"""Guides: steps that can be done on their model, and sentences that the run's own numbers bear out."""

import re

import pytest

from lm.costs.sizes import outline
from lm.errors import Problem
from lm.generation import SamplingConfig
from lm.ladder import PRETRAINED, RUNGS
from lm.runs import recording
from lm.settings import describe
from lm.training.loop import train
from playground import guides
from playground.cutting.examples import titles
from playground.guides import Do, Say, Step, guide, load
from playground.looking.inside import views_of
from playground.runs.run_view import RunView
from playground.services import SHIPPED
from playground.tabs import tokens_tab
from playground.tabs.facts import compared, facts
from playground.tabs.guiding import SHORT, Guiding
from playground.tokens import config_of

GUIDES = {name: guide(name) for name in RUNGS if guide(name)}
STEPS = [(name, step) for name, found in GUIDES.items() for step in found.step]


def named(value):
    return value if isinstance(value, str) else value.id


def test_every_model_has_five_to_eight_steps_and_together_they_answer_the_ten_questions():
    assert list(GUIDES) == list(RUNGS)
    assert all(5 <= len(found.step) <= 8 for found in GUIDES.values())
    answers = sorted(step.answers for _, step in STEPS if step.answers)
    assert answers == list(range(1, 11))


@pytest.mark.parametrize(("name", "step"), STEPS, ids=named)
def test_a_step_can_be_done_on_its_model(name, step):
    """Its settings make a plan, its view is one of the model's, and what it writes is allowed."""
    rung = RUNGS[name]
    rung.plan(step.do.recipe or "classic", **step.do.set)
    assert step.do.view is None or step.do.view in views_of(outline(rung.plan(), 65))
    assert any(say.when is None for say in step.happened), "something is always said"


@pytest.fixture(scope="module")
def trained(prepared, tiny_plan, tmp_path_factory):
    """`trained("bigram", n_embd=8)`: the view of a finished run."""

    def make(name, **settings):
        plan = tiny_plan(RUNGS[name], **settings)
        ready = prepared(plan)
        run = ready.new_run(tmp_path_factory.mktemp("runs") / "run", plan)
        for _ in recording.record(run, train(run.plan, ready.data)):
            pass
        view = RunView(run)
        view.refresh()
        return view

    return make


@pytest.mark.parametrize("name", GUIDES)
def test_what_happened_is_told_with_the_numbers_of_the_run(name, trained):
    """Every number in a sentence is known of a finished run, and is the one in its files."""
    view = trained(name)
    found = facts(view, view)
    assert found["loss"] == view.run.evaluations()[-1]["loss"]
    assert found["included"] == found["loss"] and found["behind"] == 0
    assert found["parameters"] == view.run.record.parameters
    for step in GUIDES[name].step:
        for say in step.happened:
            compared_with = {"before": 3.0, "then": 2.5, "lost": -0.5, "at_step": 20}
            right = {"right_before": 50.0, "right_then": 20.0} if RUNGS[name].rewrites else {}
            told = say.say.format_map(found | compared_with | right)
            assert "{" not in told
        assert step.told(found)


def test_losses_that_differ_are_told_so_that_they_differ():
    say = {"say": "From {before:.2f} to {then:.2f}, {lost:.2f} more, in {seconds:.1f} s."}
    toy = {"id": "a", "question": "?", "try": "it", "do": {}, "happened": [say]}
    step = Step.model_validate(toy)
    close = {"before": 2.4812, "then": 2.4838, "lost": 0.0026, "seconds": 1.0}
    assert step.told(close) == "From 2.481 to 2.484, 0.003 more, in 1.0 s."
    assert step.told(close | {"then": 2.5, "lost": 0.0188}).startswith("From 2.48 to 2.50, 0.02")


def test_nothing_is_told_of_a_run_that_has_no_numbers_yet():
    for _, step in STEPS:
        assert step.told({}), "a sentence, not a fault"


def test_two_runs_that_differ_in_one_setting_are_compared(trained):
    one = trained("single_block_transformer")
    other = trained("single_block_transformer", residual_path=False)
    found = compared(other, one, "residual_path")
    losses = [view.run.evaluations()[-1]["loss"] for view in (one, other)]
    assert found["before"] == losses[0] and found["lost"] == pytest.approx(losses[1] - losses[0])
    both = trained("single_block_transformer", residual_path=False, n_embd=8)
    for view, name in ((both, "residual_path"), (other, "dropout")):
        assert compared(view, one, name) == {}, "two settings differ, or another one than asked for"


def test_a_step_compares_with_the_last_run_that_differs_in_its_setting_alone(trained, monkeypatch):
    """After "feed-forward off", "norm off" compared with that run, found two differences and told nothing."""
    shown = {
        "one": trained("single_block_transformer"),
        "without": trained("single_block_transformer", feed_forward=False),
        "off": trained("single_block_transformer", normalise=False),
    }
    guiding = Guiding(RUNGS["single_block_transformer"], None)
    monkeypatch.setattr(guiding, "_view", shown.get)
    step = guiding.guide.step[guiding.guide.named("norm")]
    assert step.compares == "normalise"
    found = guiding._compared(step, shown["off"], ["without", "gone", "one"])
    assert found["before"] == shown["one"].run.evaluations()[-1]["loss"]
    assert guiding._compared(step, shown["off"], ["without", None]) == {}


def test_what_is_right_is_told_of_runs_on_pairs(trained):
    """In per cent, of the last evaluation; two runs are compared at the last step that both have judged."""
    one = trained("encoder_decoder")
    found = facts(one)
    assert found["right"] == 100 * one.run.evaluations()[-1]["scores"]["exact"]
    assert found["copied"] == 100 * one.run.record.known_right["copy"]
    blind = trained("encoder_decoder", cross_attention=False)
    both = compared(blind, one, "cross_attention")
    assert both["right_before"] == found["right"] and "right_then" in both


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("loss < 2", True),
        ("loss > 2", False),
        ("loss < pairs - 0.9", True),
        ("loss < pairs - 1.1", False),
        ("loss >= 1.5", True),
        ("unknown < 2", False),
        (None, True),
    ],
)
def test_a_condition_compares_two_numbers(when, holds):
    assert Say(say="", when=when).holds({"loss": 1.5, "pairs": 2.5}) == holds


@pytest.mark.parametrize(
    ("contents", "problem"),
    [
        ("[[step]\n", "cannot be read"),
        ('[[step]]\nid = "a"\n', "wrong at step.0"),
        (
            '[[step]]\nid="a"\nquestion="?"\ntry="t"\ndo={jump=1}\nhappened=[{say="s"}]\n',
            "wrong at step.0.do.jump",
        ),
        (
            '[[step]]\nid="a"\nquestion="?"\ntry="t"\ndo={}\nhappened=[{say="s",when="loss is low"}]\n',
            "is no comparison",
        ),
        (
            '[[step]]\nid="a"\nquestion="?"\ntry="t"\ndo={}\nhappened=[{say="s"}]\n' * 2,
            "two steps called 'a'",
        ),
    ],
)
def test_a_guide_that_is_wrong_says_where(tmp_path, contents, problem):
    path = tmp_path / "toy.toml"
    path.write_text(contents)
    with pytest.raises(Problem, match=re.escape(problem)):
        load(path)


def test_doing_a_step_sets_what_it_names_and_keeps_the_seed(make_services):
    services, rung = make_services(), RUNGS["single_head_attention"]
    guiding = Guiding(rung, services)
    index = guiding.guide.named("mask")
    values = [7 if name == "seed" else field.default for name, field in rung.settings().items()]
    answer = guiding.do(index, "synthetic_plays", *values)
    wanted = rung.plan("speedrun", causal_mask=False, seed=7).values()
    assert answer["settings"] == {name: wanted[name] for name in rung.settings()}
    assert answer["tokens"] == "characters", "it trains, and tells of characters"
    assert guiding.do(99, "synthetic_plays", *values)["notice"] == "The guide has no such step."
    assert guiding.happened([index, "local:none", None])["text"].startswith(
        "There is nothing to tell"
    )
    assert guiding.happened("rubbish")["text"] == "The guide has no such step."


def test_a_step_on_the_included_run_shows_it_with_its_text(make_services):
    """The sentence told of the run that was trained before, which had learned 5,000 characters by heart."""
    services = make_services()
    services.library.shipped_folder = SHIPPED
    guiding = Guiding(RUNGS["decoder_transformer"], services)
    values = [field.default for field in guiding.rung.settings().values()]
    answer = guiding.do(guiding.guide.named("english"), "own:short", *values)
    assert (answer["open"], answer["corpus"]) == ("shipped:decoder_transformer", "tiny_shakespeare")


def test_a_short_text_is_the_beginning_of_the_text_in_use(make_services):
    services, rung = make_services(), RUNGS["decoder_transformer"]
    guiding = Guiding(rung, services)
    values = [field.default for field in rung.settings().values()]
    index = guiding.guide.named("overfitting")
    key = guiding.do(index, "synthetic_plays", *values)["corpus"]
    whole = services.texts.get("synthetic_plays").corpus.text
    assert services.texts.get(key).corpus.text == whole[:SHORT]
    assert guiding.do(index, key, *values)["corpus"] == key, "it is short already"


def test_a_step_that_only_looks_leaves_the_tokens_as_they_are():
    """And one that names tokens has these; a guide with others than the page knows is refused."""
    assert Do(view="next").wanted_tokens is None
    assert Do(press="train").wanted_tokens == "characters"
    assert Do(press="train", tokens="bpe:512").wanted_tokens == "bpe:512"
    with pytest.raises(ValueError, match="Tokens are one of characters, BPE, Unigram, not 'words'"):
        Do(tokens="words")


def test_what_a_guide_writes_is_a_setting_of_writing():
    names = {field.name for field in describe(SamplingConfig)}
    for _, step in STEPS:
        assert set(step.do.write) <= names
        SamplingConfig.make(**step.do.write)


def test_guides_are_files_beside_their_loader():
    known = {*RUNGS, PRETRAINED.name, tokens_tab.NAME}
    assert {path.stem for path in guides.FOLDER.glob("*.toml")} == known


def test_a_step_on_imported_models_sets_what_their_tab_has():
    """Its settings are those of a start, which a plan has only together with a model."""
    fields, views = PRETRAINED.settings(), views_of(outline(PRETRAINED.plan(), 65))
    steps = guide(PRETRAINED.name).step
    assert 5 <= len(steps) <= 8
    for step in steps:
        assert set(step.do.set) <= set(fields)
        assert step.do.view is None or step.do.view in views
        choice = fields["trained"].choices
        assert step.do.set.get("trained", "all") in choice


def test_a_step_of_the_tokens_guide_sets_what_its_tab_has():
    """No other part of a step does anything there; `test_tokens_tab.py` tells what came of each."""
    steps = guide(tokens_tab.NAME).step
    assert 5 <= len(steps) <= 8
    for step in steps:
        cut = step.do.cut
        assert step.do.model_dump(exclude_unset=True).keys() == {"cut"}
        assert cut.example is None or cut.example in dict(titles())
        for tokens in filter(None, (cut.left, cut.right)):
            config_of(tokens)
        assert any(say.when is None for say in step.happened), "something is always said"
        assert step.told({}), "a sentence, not a fault"
    assert not any(step.do.cut for _, step in STEPS), "of a model's tab"
