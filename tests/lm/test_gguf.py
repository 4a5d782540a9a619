"""GGUF files, in and out."""

import pytest
import torch

from lm.generation import SamplingConfig, generate
from lm.interchange.chat import chat_of
from lm.interchange.importing import find, import_model
from lm.runs import open_run
from lm.tokenizers import CharacterTokenizer
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm, refusal
from tests.lm.llama_cpp import greedy, serving
from tests.lm.own_models import CHARACTERS, of_characters, run_of

gguf = pytest.importorskip("gguf")

TEXT = "to be the question 12?"
ASCII = CharacterTokenizer("".join(sorted(set(TEXT + "xyzXYZ"))))

OPTIONS = {
    "gpt2": ({}, {"tie_word_embeddings": False}),
    "llama": (
        {},
        {"tie_word_embeddings": True, "num_key_value_heads": 1, "rope_theta": 5e5},
    ),
}
CASES = [(kind, options) for kind in OPTIONS for options in OPTIONS[kind]]


@pytest.fixture(params=CASES, ids=str)
def written(request, tmp_path):
    """A model of transformers, a run of it, and that as a GGUF file."""
    kind, options = request.param
    theirs = getattr(foreign, kind)(**options)
    run = import_model(find(str(foreign.saved(theirs, tmp_path / "theirs"))), tmp_path / "run")
    lm("export", run.directory, "--to", "gguf", "--out", tmp_path / "model.gguf")
    return theirs, run, tmp_path / "model.gguf"


@torch.inference_mode()
def test_what_is_written_is_read_again(written, tmp_path):
    """Weights, tokenizer and chat template."""
    theirs, run, file = written
    lm("import", file, "--out", tmp_path / "again")
    again = open_run(tmp_path / "again")
    tokens = foreign.some_tokens()
    torch.testing.assert_close(
        again.model()[0](tokens), foreign.logits_of(theirs, tokens), rtol=0, atol=1e-4
    )
    text = "The theme <|endoftext|>\n  naïve 語 123"
    assert again.tokenizer().encode(text).tolist() == run.tokenizer().encode(text).tolist()
    assert chat_of(again) == chat_of(run)


# llama.cpp


def check_llama_cpp(run, file):
    """Greedy text token for token, and the ids of a text."""
    model, prompt = run.model()[0], foreign.some_tokens(1, 5)[0] % min(60, run.record.vocab_size)
    sampling = SamplingConfig(temperature=0.0, max_new_tokens=16)
    ours = [one.id for one in generate(model, prompt, run.plan.context_length, sampling)]
    with serving(file) as ask:
        assert greedy(ask, prompt.tolist(), 16) == ours
        ids = ask("/tokenize", content=TEXT)["tokens"]
    assert ids == run.tokenizer().encode(TEXT).tolist()


def test_llama_cpp_writes_the_same_text(written):
    """Its reader is another program than ours: an error that we make twice would not show above."""
    pytest.importorskip("xllamacpp")
    _, run, file = written
    check_llama_cpp(run, file)


LLAMA = {"positions": "rotary", "norm": "rms", "activation": "swiglu", "bias": False}


def test_a_decoder_of_ours_runs_in_llama_cpp(tmp_path):
    pytest.importorskip("xllamacpp")
    run = run_of(of_characters(**LLAMA, characters=ASCII), ASCII, tmp_path / "run")
    lm("export", run.directory, "--to", "gguf", "--out", tmp_path / "model.gguf")
    check_llama_cpp(run, tmp_path / "model.gguf")
    again = import_model(find(str(tmp_path / "model.gguf")), tmp_path / "again")
    assert again.tokenizer().encode(TEXT).tolist() == ASCII.encode(TEXT).tolist()


@pytest.mark.parametrize(
    ("options", "characters", "said"),
    [({}, ASCII, "activation"), (LLAMA, CHARACTERS, "--tokenizer bpe")],
    ids=["activation", "characters"],
)
def test_what_llama_cpp_does_not_know_is_named(options, characters, said, tmp_path):
    run = run_of(of_characters(**options, characters=characters), characters, tmp_path / "run")
    told = refusal("export", run.directory, "--to", "gguf", "--out", tmp_path / "m.gguf", code=2)
    assert said in told and not (tmp_path / "m.gguf").exists()
