"""Graphs for onnxruntime: the scores of every model, for any number and length of rows."""

import numpy as np
import pytest
import torch

from lm.errors import SettingsProblem
from lm.interchange import to_onnx
from lm.interchange.importing import find, import_model
from lm.ladder import RUNGS
from lm.models.ngram import Level
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm
from tests.lm.test_attention_patterns import DECODER, PATTERNS, made

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

VOCABULARY = 23
NEW = {
    "pattern": "sinks",
    "sinks": 2,
    "window": 4,
    "alternate": True,
    "positions": "rotary",
    "norm": "rms",
    "activation": "swiglu",
    "qk_norm": True,
    "ngram_embedding": "trigram",
    "bias": False,
}


def session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@torch.inference_mode()
def check(model, path, context=16):
    to_onnx.write_graph(model, context, path)
    graph = session(path)
    for rows, length in ((1, 1), (3, context), (2, 7)):
        tokens = foreign.some_tokens(rows, length) % VOCABULARY
        given = [tokens, tokens[:, :5]][: len(graph.get_inputs())]
        inputs = {
            one.name: each.numpy() for one, each in zip(graph.get_inputs(), given, strict=True)
        }
        (scores,) = graph.run(None, inputs)
        np.testing.assert_allclose(scores, model(*given).numpy(), atol=1e-4)


@pytest.mark.slow  # torch's exporter takes seconds for each
@pytest.mark.parametrize("name", [name for name in RUNGS if name != "ngram"])
def test_every_model_gives_the_same_scores(name, tiny_model, tmp_path):
    check(tiny_model(RUNGS[name], VOCABULARY).eval(), tmp_path / "model.onnx")


def test_a_decoder_of_later_parts_gives_the_same_scores(tiny_model, tmp_path):
    model = tiny_model(RUNGS["decoder_transformer"], VOCABULARY, **NEW)
    check(foreign.drawn(model), tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("alternate", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_attention_pattern_gives_the_same_scores(pattern, alternate, tiny_config, tmp_path):
    """At every length: a mask that was fixed for the length of the example would show."""
    model = made(tiny_config, DECODER, pattern, alternate=alternate)
    check(model, tmp_path / "model.onnx")


def test_counted_ngrams_are_refused(tmp_path):
    """Those of the n-gram rung and those beside a decoder: torch's exporter fails with a page of its own."""
    counts = (torch.tensor(row) for row in ([0, 1], [2], [5, 1]))
    level = Level(2, *counts, torch.zeros(0, dtype=torch.long))
    with pytest.raises(SettingsProblem, match="A graph cannot hold counted n-grams"):
        to_onnx.write_graph(torch.nn.Sequential(level), 16, tmp_path / "model.onnx")


@torch.inference_mode()
def test_an_imported_model_is_exported_with_its_tokenizer(tmp_path):
    theirs = foreign.llama()
    run = import_model(find(str(foreign.saved(theirs, tmp_path / "theirs"))), tmp_path / "run")
    lm("export", run.directory, "--to", "onnx", "--out", tmp_path / "graph")
    tokens = foreign.some_tokens(1, 9)
    (scores,) = session(tmp_path / "graph" / "model.onnx").run(None, {"tokens": tokens.numpy()})
    np.testing.assert_allclose(scores, foreign.logits_of(theirs, tokens).numpy(), atol=1e-4)
    assert (tmp_path / "graph" / "tokenizer.json").exists()
