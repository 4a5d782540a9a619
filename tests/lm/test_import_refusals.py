"""What cannot be imported: one sentence each, and nothing is left."""

import json
import os
import shutil
import struct

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from lm.errors import RunProblem
from lm.interchange import importing, to_gguf
from lm.interchange.hub import fetched
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm, refusal


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder that can be imported."""
    return foreign.saved(foreign.llama(), tmp_path_factory.mktemp("good") / "model")


@pytest.fixture
def folder(good, tmp_path):
    """A copy of it, to damage."""
    return shutil.copytree(good, tmp_path / "model")


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def without(folder, name):
    (folder / name).unlink()


def only_pickles(folder):
    without(folder, "model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def one_shard_missing(folder):
    shutil.rmtree(folder)
    foreign.saved(foreign.llama(), folder, max_shard_size="20KB")
    next(folder.glob("model-*2-of-*.safetensors")).unlink()


def tensors_changed(folder, change_them):
    tensors = load_file(folder / "model.safetensors")
    change_them(tensors)
    save_file(tensors, folder / "model.safetensors")


NORM = "model.layers.1.input_layernorm.weight"
CUT = {"model.norm.weight": torch.ones(31)}
BAD = {
    "no config.json": lambda f: without(f, "config.json"),
    "it is not JSON": lambda f: (f / "config.json").write_text("{"),
    "not a JSON object": lambda f: (f / "config.json").write_text("[]"),
    "architecture 'bert'; those that can be imported are gpt2 and llama": lambda f: change(
        f / "config.json", model_type="bert"
    ),
    "does not tell its architecture (model_type": lambda f: change(
        f / "config.json", model_type=None
    ),
    "damaged at 'num_hidden_layers'": lambda f: change(f / "config.json", num_hidden_layers="many"),
    "Layers must be": lambda f: change(f / "config.json", num_hidden_layers=10**6),
    "weights in few bits, by 'gptq'": lambda f: change(
        f / "config.json", quantization_config={"quant_method": "gptq", "bits": 4}
    ),
    "hidden_act is 'mish'": lambda f: change(f / "config.json", hidden_act="mish"),
    "rope_type is 'yarn'": lambda f: change(
        f / "config.json", rope_parameters={"rope_type": "yarn", "rope_theta": 1e4}
    ),
    "cannot share": lambda f: change(f / "config.json", num_key_value_heads=3),
    "pickle": only_pickles,
    "no model.safetensors": lambda f: without(f, "model.safetensors"),
    "2-of-": one_shard_missing,
    "damaged or not a safetensors file": lambda f: os.truncate(f / "model.safetensors", 5000),
    "input_layernorm.weight are missing": lambda f: tensors_changed(f, lambda t: t.pop(NORM)),
    "has the shape": lambda f: tensors_changed(f, lambda t: t.update(CUT)),
    "no tokenizer.json": lambda f: without(f, "tokenizer.json"),
    "does not fit the weights: it has 260 tokens, and they have 200": lambda f: (
        shutil.rmtree(f),
        foreign.saved(foreign.llama(vocab_size=200), f),
    ),
    "normalizer (Lowercase) changes texts": lambda f: change(
        f / "tokenizer.json", normalizer={"type": "Lowercase"}
    ),
    "neither bytes nor those of SentencePiece": lambda f: change(
        f / "tokenizer.json", pre_tokenizer={"type": "Whitespace"}, decoder=None
    ),
    "library does not read it": lambda f: change(f / "tokenizer.json", model={"type": "BPE"}),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_folder_that_is_not_whole_is_refused_in_a_sentence(sentence, folder, tmp_path):
    BAD[sentence](folder)
    out = tmp_path / "out"
    assert sentence in refusal("import", folder, "--out", out, code=3)
    assert not out.exists()


def test_a_context_that_the_model_does_not_have(folder, tmp_path):
    told = refusal("import", folder, "--out", tmp_path / "o", "--context-length", 33, code=3)
    assert "choose up to 32" in told


def test_a_model_larger_than_the_memory_is_told_before_it_is_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "free_memory", lambda: 10_000)
    monkeypatch.setattr(importing, "collected", lambda found: pytest.fail("it was read"))
    told = refusal("import", folder, "--out", tmp_path / "out", code=3)
    assert "of memory, and 10 kB are free" in told and "bfloat16" in told


def test_a_full_disk_leaves_nothing(folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing, "write_tensors", full)
    assert "the disk is full" in refusal("import", folder, "--out", tmp_path / "out", code=3)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_written_over(folder, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    assert "already exists" in refusal("import", folder, "--out", tmp_path / "out", code=3)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc", "a/b/c", "a//b", "..", "~/x", "a\\b", "-x/y"]
)
def test_names_with_path_tricks_are_no_names_of_the_hub(name):
    with pytest.raises(RunProblem, match="no name of the Hugging Face hub"):
        fetched(name)


def test_without_the_hub_a_sentence(monkeypatch, tmp_path):
    """Whatever the library of the day raises when there is no network."""

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    told = refusal("import", "somebody/a-model", "--out", tmp_path / "out", code=3)
    assert "not to be reached" in told and "Connect to the internet" in told


def test_a_name_of_the_hub_becomes_a_run(good, tmp_path, monkeypatch):
    asked = []

    def download(name, allow_patterns):
        asked.append(name)
        assert not any(pattern.endswith(".bin") for pattern in allow_patterns)
        return str(good)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    lm("import", "somebody/a-model", "--out", tmp_path / "out")
    assert asked == ["somebody/a-model"]
    assert "| source | somebody/a-model |" in (tmp_path / "out" / "README.md").read_text()


def test_a_model_of_the_hub_in_pickles_is_refused(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path / "empty")
    )
    told = refusal("import", "somebody/a-model", "--out", tmp_path / "out", code=3)
    assert "no weights in safetensors" in told


def test_a_template_can_use_messages_and_nothing_else(good, tmp_path):
    """It comes from strangers: Python's objects are out of its reach, and its own refusals are sentences."""
    chat = importing.find(str(good)).chat
    for template in ("{{ ''.__class__.__mro__ }}", "{{ raise_exception('no system role') }}"):
        with pytest.raises(Exception, match="chat template refuses"):
            chat.model_copy(update={"template": template}).render([])


def test_gguf_files(tmp_path):
    gguf = pytest.importorskip("gguf")
    assert "There is no file" in refusal(
        "import", tmp_path / "a.gguf", "--out", tmp_path / "o", code=3
    )
    (tmp_path / "b.gguf").write_bytes(b"GGUF" + bytes(100))
    assert "damaged or no GGUF" in refusal(
        "import", tmp_path / "b.gguf", "--out", tmp_path / "o", code=3
    )
    writer = gguf.GGUFWriter(tmp_path / "c.gguf", "bert")
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.close):
        write()
    assert "architecture 'bert'" in refusal(
        "import", tmp_path / "c.gguf", "--out", tmp_path / "o", code=3
    )


@pytest.mark.parametrize(("number", "named"), [(26, "I32"), (77, "number 77")])
def test_weights_of_a_type_that_cannot_be_read_are_named(number, named, good, tmp_path):
    """26: known to the package gguf, which cannot turn it into floats; 77: none that it knows."""
    pytest.importorskip("gguf")
    run = importing.import_model(importing.find(str(good)), tmp_path / "run")
    to_gguf.write(run, tmp_path / "a.gguf")
    written = bytearray((tmp_path / "a.gguf").read_bytes())
    name = b"blk.0.attn_q.weight"
    place = written.index(name) + len(name)
    (dimensions,) = struct.unpack_from("<I", written, place)
    struct.pack_into("<I", written, place + 4 + 8 * dimensions, number)
    (tmp_path / "a.gguf").write_bytes(written)
    told = refusal("import", tmp_path / "a.gguf", "--out", tmp_path / "o", code=3)
    assert f"weights of the type {named}, which cannot be read here: take a file of" in told
    assert not (tmp_path / "o").exists()
