"""Rewriting a line: batches without a leak, exact judgement, and training on them."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lm import corpora, tasks
from lm.corpora import pairs
from lm.costs.sizes import memory
from lm.edit_distance import edit_distances
from lm.errors import CorpusProblem, SettingsProblem
from lm.evaluation import result_of
from lm.ladder import RUNGS, text_models
from lm.layers import PADDING
from lm.rewriting import Answer as Written
from lm.rewriting import Rewriter
from lm.runs.preparation import prepare
from lm.tasks import Answer, Rewrite
from lm.tasks.judging import judged, nearest
from lm.tasks.rewrite import shown
from lm.tasks.without_learning import known_scores, letter_table, shares_right
from lm.tokenizers import CharacterTokenizer, TokenizerConfig
from lm.training.events import Checkpoint, Evaluated, Step
from lm.training.loop import train
from tests.lm.backwards import LINES, SMALL

MODEL, DECODER = RUNGS["encoder_decoder"], RUNGS["decoder_transformer"]
KINDS = {"rewrite": (MODEL, Rewrite), "answer": (DECODER, Answer)}


@pytest.fixture(scope="module")
def corpus():
    """Three digits, and the same backwards."""
    return pairs.from_tsv(LINES)


@pytest.fixture(params=KINDS)
def learning(request, corpus):
    """A plan for one of the two models, and its task."""
    which, kind = KINDS[request.param]
    brief = {"steps": 12, "batch_size": 16, "evaluate_every": 5, "learning_rate": 1e-2}
    plan = which.plan(task=request.param, **SMALL, **brief)
    data = kind.load(corpus, CharacterTokenizer.from_text(corpus.text))
    return plan, kind(data, 16, "cpu")


def network(plan, task):
    torch.manual_seed(0)
    return plan.rung.model(plan.model, task.vocab_size).eval()


def test_a_batch_holds_pairs_of_the_training_split(learning, corpus):
    _, task = learning
    torch.manual_seed(0)
    batch, seen = task.batch(64), set()
    text = task.tokenizer.decode
    for row in range(64):
        counted = batch.weights[row] == 1
        answer = text(batch.targets[row][counted].numpy())
        if batch.sources is None:
            source = text(batch.inputs[row].numpy()).split("\t")[0]
        else:
            source = text(batch.sources[row][batch.sources[row] != PADDING].numpy())
        # An input is the target before it: "teacher forcing".
        read = batch.inputs[row][counted]
        assert text(read.numpy()) == "\t" + answer[:-1]
        assert (source, answer.removesuffix("\n")) in corpus.train
        seen.add(source)
    assert len(seen) > 30


def test_a_batch_has_little_padding_and_each_pair_is_as_likely_as_any_other(learning):
    """Else most of a batch would be padding, or some lengths would be learned more often than others."""
    _, task = learning
    text = "".join(f"{'a' * n}{'b' * m}\t{'b' * n}\n" for n in range(1, 7) for m in range(8))
    corpus = pairs.from_tsv(text)
    task = type(task)(type(task).load(corpus, CharacterTokenizer.from_text(corpus.text)), 32, "cpu")
    torch.manual_seed(0)
    batches = [task.batch(16) for _ in range(400)]
    counts: dict[str, int] = {}
    for batch in batches:
        for row in batch.inputs if batch.sources is None else batch.sources:
            source = task.tokenizer.decode(row[row != PADDING].numpy()).split("\t")[0]
            counts[source] = counts.get(source, 0) + 1
    assert counts.keys() == {source for source, _ in corpus.train}
    drawn = np.array(list(counts.values())) / np.mean(list(counts.values()))
    assert drawn.min() > 0.5 and drawn.max() < 1.7  # of 145 draws each
    lines = task.data.train
    any_rows = torch.randint(len(lines.sources), (400, 16)).numpy()

    def area(some):
        return sum(
            b.targets.numel() + (b.sources.numel() if b.sources is not None else 0) for b in some
        )

    assert area(batches) < 0.85 * area(task.rows(lines, rows) for rows in any_rows)


def test_padding_never_counts(learning):
    """The loss of a batch is that of its lines one by one, weighed by their tokens."""
    plan, task = learning
    text = "".join(f"{10**n}\t{10 ** (n % 4)}\n" for n in range(8))
    data = type(task).load(pairs.from_tsv(text), task.tokenizer)
    task = type(task)(data, 16, "cpu")
    model = network(plan, task)
    rows = np.arange(len(data.train.sources))
    alone = [task._loss(model, data.train, rows[n : n + 1]) for n in rows]
    together, tokens = task._loss(model, data.train, rows)
    assert together == pytest.approx(sum(loss for loss, _ in alone), rel=1e-5)
    assert tokens == sum(count for _, count in alone)


def test_the_loss_is_the_cross_entropy_of_answers_and_their_ends(learning, corpus):
    """Computed here pair by pair, without padding."""
    plan, task = learning
    model, total, characters = network(plan, task), 0.0, 0
    for source, target in corpus.validation:
        ids = torch.from_numpy(task.tokenizer.encode(f"\t{target}\n"))[None]
        line = torch.from_numpy(task.tokenizer.encode(source))[None]
        with torch.no_grad():
            if task.name == "rewrite":
                logits = model(ids[:, :-1], line)[0]
            else:
                logits = model(torch.cat([line, ids[:, :-1]], 1))[0, line.shape[1] :]
        total += float(F.cross_entropy(logits, ids[0, 1:], reduction="sum"))
        characters += len(target) + 1
    result = result_of(task.evaluate(model), lambda share: None)
    assert result.loss == pytest.approx(total / characters, rel=1e-5)
    assert result.bits_per_char == pytest.approx(result.loss / math.log(2))
    assert (result.characters, result.whole) == (characters, True)


def test_both_models_learn_to_reverse_what_they_never_saw(corpus):
    """Numbers that are held out: by heart, none of them would be right."""
    for name, (which, kind) in KINDS.items():
        settings = SMALL | {"optimizer": "muon", "n_layer": 2, "learning_rate": 1e-2}
        plan = which.plan(
            task=name, **settings, steps=120, evaluate_every=60, batch_size=64, warmup_steps=5
        )
        data = kind.load(corpus, CharacterTokenizer.from_text(corpus.text))
        events = list(train(plan, data))
        evaluations = [event for event in events if isinstance(event, Evaluated)]
        assert evaluations[-1].scores["exact"] > 0.9, name
        assert evaluations[-1].scores["edit_distance"] < 0.05
        assert evaluations[-1].train_loss < 0.3
        losses = [event.loss for event in events if isinstance(event, Step)]
        assert losses[0] == pytest.approx(math.log(12), abs=0.3)  # 10 digits, tab, line end


def test_a_resumed_run_is_the_same_bit_for_bit(learning):
    plan, task = learning
    # It also draws random numbers.
    plan = dataclasses.replace(plan, model=plan.model.model_copy(update={"dropout": 0.1}))
    whole = list(train(plan, task.data))
    held = next(e for e in train(plan, task.data) if isinstance(e, Checkpoint) and e.step == 5)
    held = dataclasses.replace(
        held, weights={name: tensor.clone() for name, tensor in held.weights.items()}
    )
    rest = list(train(plan, task.data, resume=held))

    def numbers(events):
        return [(e.step, e.loss) for e in events if isinstance(e, Step | Evaluated)]

    assert numbers(rest)[-7:] == numbers(whole)[-7:]


def test_answers_are_judged_by_the_nearest_that_is_right():
    right = [("R EH D", "R IY D"), ("K AE T",), ("D AO G",)]
    scores = judged(["R IY D", "K AE", "X"], right, "word")
    assert scores.exact == pytest.approx(1 / 3)
    assert scores.edit_distance == pytest.approx((0 + 1 + 3) / 9)
    assert nearest("R IY", right[0]) == "R IY D"
    # In characters, a wrong sound of two letters counts twice.
    assert judged(["K AE"], [("K AE T",)], "character").edit_distance == pytest.approx(2 / 6)


def test_edit_distances_are_levenshteins():
    def slow(a, b):
        if not a or not b:
            return len(a) + len(b)
        same = slow(a[1:], b[1:]) + (a[0] != b[0])
        return min(same, slow(a[1:], b) + 1, slow(a, b[1:]) + 1)

    draw = np.random.default_rng(0)
    lines, others = (
        ["".join(draw.choice(list("ab"), draw.integers(0, 6))) for _ in range(80)] for _ in range(2)
    )
    expected = [slow(a, b) for a, b in zip(lines, others, strict=True)]
    assert edit_distances(lines, others).tolist() == expected
    assert edit_distances(["kitten"], ["sitting"]).tolist() == [3]


def test_what_is_known_without_learning(corpus):
    palindromes = sum(source == source[::-1] for source, _ in corpus.validation)
    scores = known_scores(corpus)
    assert scores["copy"].exact == pytest.approx(palindromes / len(corpus.validation))
    assert scores["commonest"].exact <= 1 / len(corpus.validation)
    losses = Rewrite.baselines(corpus)
    assert losses["uniform"] > losses["unigram"] > losses["bigram"]
    assert shares_right(corpus) == {name: judged.exact for name, judged in scores.items()}


def test_a_table_from_letters_to_sounds_knows_a_letter_by_its_neighbours():
    """It learns from words with as many sounds as letters; an unseen place falls back on the letter alone."""
    said = {"cat": "K AE T", "cot": "K AA T", "ice": "AY S", "cent": "S EH N T", "act": "AE K T"}
    text = "".join(f"{word}\t{sounds}\n" for word, sounds in said.items())
    own = dataclasses.replace(pairs.from_tsv(text), train=tuple(said.items()), unit="word")
    table = letter_table(own)
    assert (table("cat"), table("cent")) == ("K AE T", "S EH N T")  # "ca" and "ce"
    assert table("tact") == "T AE K T"
    assert table("zc") == "K"  # unseen beside a z: a c alone is mostly K
    assert set(shares_right(own)) == {"copy", "commonest", "letters"}


def test_the_diary_shows_the_same_held_out_lines(learning, corpus):
    plan, task = learning
    lines = shown(task.sample(network(plan, task)))
    held_out = {source for source, _ in corpus.validation}
    assert len(lines) == 8
    for line in lines:
        assert line.source in held_out
        assert line.right == line.source[::-1]
        written = Rewriter(network(plan, task), task.tokenizer, 16, task.longest)
        assert written.rewrite([line.source])[0].text == line.written


def test_longer_lines_than_were_learned_are_judged_apart(corpus):
    """A model that is always right is right there, too; answers that do not fit are wrong, not a fault."""
    longer = (("1234", "4321"), ("123456789012345678", "876543210987654321"))
    corpus = dataclasses.replace(corpus, longer=longer)
    task = Rewrite(Rewrite.load(corpus, CharacterTokenizer.from_text(corpus.text)), 16, "cpu")

    class Right(Rewriter):
        def rewrite(self, lines, sampling=None):
            return [Written(line[::-1], 1.0, True) for line in lines]

    model = network(MODEL.plan(**SMALL), task)
    task.rewriter = lambda model, longest=None: Right(model, task.tokenizer, 16)
    scores = result_of(task.evaluate(model), lambda share: None).scores
    assert scores == {"exact": 1.0, "edit_distance": 0.0, "exact_longer": 0.5}


def test_data_goes_to_another_process(learning):
    """The page trains in a process of its own."""
    _, task = learning
    sent = pickle.loads(pickle.dumps(task.data))
    assert np.array_equal(sent.train.sources, task.data.train.sources)
    assert sent.right == task.data.right


def test_lines_longer_than_the_context_are_refused(corpus):
    data = Rewrite.load(corpus, CharacterTokenizer.from_text(corpus.text))
    with pytest.raises(SettingsProblem, match="need 4: choose a context of 4 or more"):
        Rewrite.check(data, 3)
    Rewrite.check(data, 4)  # three digits and the end
    with pytest.raises(SettingsProblem, match="need 7"):
        Answer.check(data, 6)
    Answer.check(data, 7)  # "123", tab, "321"


def test_a_text_is_no_pairs_and_pairs_are_no_text(corpus):
    text = corpora.load("synthetic_plays")
    with pytest.raises(CorpusProblem, match="Your own pairs holds pairs of lines"):
        prepare(corpus, TokenizerConfig(), tasks.TaskConfig(task="continue"))
    with pytest.raises(CorpusProblem, match="Synthetic plays is a text, and this task rewrites"):
        prepare(text, TokenizerConfig(), tasks.TaskConfig(task="rewrite"))


def test_the_ladder_ends_with_the_model_that_rewrites():
    """Its losses are of answers: it is none of those that are compared as they continue one text."""
    assert list(RUNGS)[-1] == "encoder_decoder"
    assert list(text_models()) == list(RUNGS)[:-1]
    for one in RUNGS.values():
        tasks = {MODEL.name: ("rewrite",), DECODER.name: ("continue", "answer")}
        assert one.settings()["task"].choices == tasks.get(one.name, ("continue",))
        assert (one.rewrites, one.answers) == (one is MODEL, one is DECODER)


@pytest.mark.parametrize("recipe", [recipe.name for recipe in MODEL.recipes])
def test_a_recipe_names_its_plan(recipe):
    assert MODEL.plan(recipe, seed=3).recipe == recipe


def test_the_memory_of_a_step_is_estimated():
    small, large = (memory(MODEL.plan(n_embd=n), 30) for n in (64, 512))
    assert small < large
