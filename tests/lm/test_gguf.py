"""GGUF files, in and out."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from lm.interchange.chat import chat_of
from lm.interchange.importing import find, import_model
from lm.runs import open_run
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm

gguf = pytest.importorskip("gguf")

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


@torch.inference_mode()
def test_transformers_reads_the_same_model(written):
    """Its reader is another program than ours: an error that we make twice would not show above."""
    theirs, _, file = written
    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name).eval()
    tokens = foreign.some_tokens()
    torch.testing.assert_close(
        foreign.logits_of(read, tokens), foreign.logits_of(theirs, tokens), rtol=0, atol=1e-4
    )
