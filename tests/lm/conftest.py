"""A small text, pairs for the models that rewrite, and the smallest settings of every rung."""

from typing import Any

import pytest
import torch
from torch import nn

from lm import corpora, ngrams, runs, tasks
from lm.corpora import AnyCorpus, Corpus, PairCorpus, pairs
from lm.ladder import RUNGS
from lm.plan import Plan, Rung
from lm.runs import preparation, recording
from lm.settings import Settings, describe
from lm.tasks import Rewrite, TaskConfig, TextData, continue_text
from lm.tasks.rewrite import PairData
from lm.tokenizers import CharacterTokenizer, TokenizerConfig
from tests.conftest import is_of_pairs
from tests.lm.command_line import QUICK, lm
from tests.lm.recorded import record_all

TINY = {"n_embd": 16, "n_head": 2, "n_layer": 2, "context_length": 16}
BRIEF = {
    "steps": 12,
    "batch_size": 4,
    "evaluate_every": 5,
    "warmup_steps": 3,
    "learning_rate": 3e-3,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny matrices gain nothing from a second core, and results must not depend on the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def short_samples():
    """The diary's samples are the slowest part of a tiny run: eight characters will do."""
    with pytest.MonkeyPatch.context() as patch:
        brief = continue_text.SAMPLE.model_copy(update={"max_new_tokens": 8})
        patch.setattr(continue_text, "SAMPLE", brief)
        yield


@pytest.fixture(scope="session")
def play() -> Corpus:
    """Twenty thousand characters of a play."""
    return corpora.from_text(corpora.load("synthetic_plays").text[:20_000], name="a_play")


@pytest.fixture(scope="session")
def text_data(play) -> TextData:
    """Both splits of the play, the validation split cut short: it is read often."""
    whole = tasks.text_data(play, CharacterTokenizer.from_text(play.text))
    return TextData(whole.train, whole.validation[:400], whole.tokenizer)


@pytest.fixture(scope="session")
def digits() -> PairCorpus:
    """Three digits, and the same backwards."""
    return pairs.from_tsv("".join(f"{n}\t{str(n)[::-1]}\n" for n in range(100, 400)))


@pytest.fixture(scope="session")
def pair_data(digits) -> PairData:
    return Rewrite.load(digits, CharacterTokenizer.from_text(digits.text))


@pytest.fixture
def corpus(request, play, digits) -> AnyCorpus:
    """A play, or pairs if the test is about a model that rewrites lines."""
    return digits if is_of_pairs(request) else play


@pytest.fixture
def data(request, text_data, pair_data) -> Any:
    """The same as data of its task."""
    return pair_data if is_of_pairs(request) else text_data


@pytest.fixture
def tokenizer(data) -> CharacterTokenizer:
    return data.tokenizer


@pytest.fixture(scope="session")
def tiny_config():
    """`tiny_config(rung, dropout=0.2)`: small settings; those a rung does not have are left out."""

    def make(rung: Rung, **changed) -> Settings:
        own = {field.name for field in describe(rung.config)}
        return rung.config.make(**{k: v for k, v in (TINY | changed).items() if k in own})

    return make


@pytest.fixture(scope="session")
def tiny_plan(tiny_config):
    """`tiny_plan(rung, steps=30, dropout=0.2)`: a plan of the recipe classic that trains in a moment."""

    def make(rung: Rung, **changed) -> Plan:
        chosen = TINY | BRIEF | changed
        return rung.plan("classic", **{k: v for k, v in chosen.items() if k in rung.settings()})

    return make


@pytest.fixture(scope="session")
def tiny_model(tiny_config):
    """`tiny_model(rung, 23)`: a small model that tells tokens apart: random weights, or random counts."""

    def make(rung: Rung, vocab_size: int, **changed) -> nn.Module:
        torch.manual_seed(0)
        model = rung.model(tiny_config(rung, **changed), vocab_size)
        if rung.training.learner == "counting":
            ids = torch.randint(vocab_size, (2000,)).numpy()
            model.set_counts(ngrams.count(ids, vocab_size, model.order).counts)
        return model

    return make


@pytest.fixture(scope="session")
def begin(play, text_data, digits, pair_data):
    """`begin(directory, plan)`: a new run directory for the small text, or for pairs."""

    def make(directory, plan: Plan) -> runs.Run:
        if tasks.KINDS[plan.task.task].pairs:
            return recording.create(
                directory,
                plan,
                digits,
                pair_data.tokenizer,
                train_tokens=len(digits.train_text),
                baselines={"uniform": 2.5},
                row_tokens=Rewrite.row_tokens(pair_data, plan.context_length),
            )
        return recording.create(
            directory,
            plan,
            play,
            text_data.tokenizer,
            train_tokens=len(text_data.train),
            baselines={"uniform": 3.9},
        )

    return make


@pytest.fixture(scope="session")
def trained(begin, text_data, tiny_plan, tmp_path_factory):
    """A finished run of the decoder, for reading only."""
    run = begin(tmp_path_factory.mktemp("trained") / "run", tiny_plan(RUNGS["decoder_transformer"]))
    record_all(run, text_data)
    return run


@pytest.fixture
def on_a_file(tmp_path, tiny_plan):
    """A file of the user's own, and a finished run of the bigram on it."""
    path = tmp_path / "own.txt"
    path.write_text("the cat sat on the mat and the dog sat on the log\n" * 60)
    prepared = preparation.prepare(corpora.load(str(path)), TokenizerConfig(), TaskConfig())
    run = prepared.new_run(tmp_path / "run", tiny_plan(RUNGS["bigram"], steps=2))
    record_all(run, prepared.data)
    return path, runs.open_run(run.directory)


# Of the command line


@pytest.fixture(scope="session")
def play_file(tmp_path_factory):
    """A file of one's own."""
    path = tmp_path_factory.mktemp("corpus") / "a_play.txt"
    path.write_text(corpora.load("synthetic_plays").text[:6000], "utf-8")
    return path


@pytest.fixture
def text(request, play_file, digits, tmp_path):
    """The same, or a file of pairs if the test is about a model that rewrites lines."""
    if not is_of_pairs(request):
        return play_file
    path = tmp_path / "digits.tsv"
    path.write_text(digits.text, "utf-8")
    return path


@pytest.fixture(scope="session")
def finished(play_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    quickly = ["--learning-rate", "0.1", "--warmup-steps", "0"]
    lm("train", "bigram", "--corpus", play_file, "--out", out, *QUICK, *quickly)
    return out
