"""Runs for other programs: each gives the scores of the run."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

from lm.errors import SettingsProblem
from lm.interchange import script, to_hugging_face
from lm.interchange.expressed import expressed
from lm.interchange.importing import find, import_model
from lm.ladder import RUNGS
from lm.models.decoder_config import DecoderConfig
from lm.models.decoder_transformer import DecoderTransformer
from lm.models.pretrained_transformer import PretrainedTransformer
from lm.models.single_block_transformer import SingleBlockTransformer
from lm.runs import open_run
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm
from tests.lm.own_models import CHARACTERS, SIZES, TEXT, of_characters, run_of

GPT2_LIKE = {
    "activation": ("relu", "gelu", "squared_relu"),
    "bias": (True, False),
    "tie_weights": (True, False),
    "know_positions": (True, False),
    "scale_scores": (True, False),
    "feed_forward": (True, False),
}
LLAMA_LIKE = {
    "activation": ("relu", "squared_relu", "swiglu"),
    "tie_weights": (True, False),
    "scale_scores": (True, False),
    "feed_forward": (True, False),
}
ROTARY = {"positions": "rotary", "norm": "rms", "bias": False}
CHECKPOINTS = Path(__file__).parents[2] / "checkpoints"
VOCABULARY = 29  # fewer than numbers in the embedding


def decoder(**options):
    """A decoder whose every weight matters."""
    model = DecoderTransformer(DecoderConfig.make(**SIZES | options), VOCABULARY)
    return foreign.drawn(model)


@torch.inference_mode()
def check_expressed(model):
    """The scores of a model and those of it as a GPT-2 or a Llama."""
    found = expressed(model, "Decoder")
    again = PretrainedTransformer(found.config, found.vocab_size)
    again.load_state_dict(found.weights)
    tokens = foreign.some_tokens() % VOCABULARY
    torch.testing.assert_close(again.eval()(tokens), model(tokens), rtol=0, atol=1e-4)
    return found


@pytest.mark.parametrize("options", foreign.combinations(GPT2_LIKE), ids=str)
def test_a_decoder_as_a_gpt2_gives_the_same_scores(options):
    assert check_expressed(decoder(**options)).config.family == "gpt2"


@pytest.mark.parametrize("options", foreign.combinations(LLAMA_LIKE), ids=str)
def test_a_decoder_as_a_llama_gives_the_same_scores(options):
    assert check_expressed(decoder(**ROTARY | options)).config.family == "llama"


DECODERS = {
    "classic": {},
    "llama": ROTARY | {"activation": "swiglu", "tie_weights": True},
    "relu in llama": ROTARY | {"activation": "squared_relu"},
}


@pytest.mark.parametrize("options", DECODERS.values(), ids=DECODERS)
def test_transformers_loads_what_is_written(options, tmp_path):
    """With AutoModelForCausalLM and its tokenizer, by the command line."""
    model = of_characters(**options)
    run = run_of(model, CHARACTERS, tmp_path / "run")
    lm("export", run.directory, "--to", "huggingface", "--out", tmp_path / "theirs")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "theirs").eval()
    tokens = foreign.some_tokens() % CHARACTERS.vocab_size
    with torch.inference_mode():
        torch.testing.assert_close(
            foreign.logits_of(theirs, tokens), model(tokens), rtol=0, atol=1e-4
        )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "theirs")
    text = "to xXé語🙂λ \n\n  be"
    ids = tokenizer(text)["input_ids"]
    assert ids == CHARACTERS.encode(text).tolist()
    assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_an_imported_model_goes_out_as_it_came(kind, tmp_path):
    theirs = getattr(foreign, kind)()
    folder = foreign.saved(theirs, tmp_path / "theirs")
    run = import_model(find(str(folder)), tmp_path / "run")
    to_hugging_face.write(run, tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again")
    for name, weight in again.state_dict().items():
        assert torch.equal(weight, theirs.state_dict()[name])
    messages = [{"role": "user", "content": "Hello"}]
    ours, before = (AutoTokenizer.from_pretrained(tmp_path / n) for n in ("again", "theirs"))
    assert ours.apply_chat_template(messages) == before.apply_chat_template(messages)
    assert ours.eos_token == before.eos_token


def test_a_single_block_is_a_gpt2_of_one_layer():
    torch.manual_seed(0)
    config = RUNGS["single_block_transformer"].config.make(n_embd=32, n_head=4, context_length=32)
    check_expressed(foreign.drawn(SingleBlockTransformer(config, VOCABULARY)).eval())


IN_THE_WAY = {
    "ngram_embedding": {"ngram_embedding": "bigram"},
    "qk_norm": ROTARY | {"qk_norm": True},
    "causal_mask": {"causal_mask": False},
    "residual_path": {"residual_path": False},
    "normalise": {"normalise": False},
    "positions": {"positions": "rotary"},
    "norm": {"norm": "rms"},
    "activation": {"activation": "swiglu"},
    "bias": ROTARY | {"bias": True},
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_the_settings_that_neither_family_has_are_named(name):
    with pytest.raises(SettingsProblem, match=f"Neither GPT-2 nor Llama has .*{name}"):
        expressed(decoder(**IN_THE_WAY[name]), "Decoder")


def test_a_bias_of_the_head_that_no_norm_can_make_is_named():
    """With more tokens than numbers in the embedding there is no such norm."""
    model = foreign.drawn(DecoderTransformer(DecoderConfig.make(**SIZES), 50))
    with pytest.raises(SettingsProblem, match="more tokens"):
        expressed(model, "Decoder")


@pytest.mark.parametrize("name", ["bigram", "multi_head_attention", "encoder_decoder"])
def test_other_models_are_told_why_not(name, tiny_model):
    with pytest.raises(SettingsProblem, match="no stack of blocks"):
        expressed(tiny_model(RUNGS[name], VOCABULARY), RUNGS[name].title)


# A script


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("bigram", "and Bigram is none: export --to onnx"),
        ("decoder_transformer-best", "cannot hold counted n-grams"),
    ],
)
def test_what_is_no_decoder_is_told_what_else_to_do(run, said, tmp_path):
    """One reason: "is none, or counts n-grams beside it" leaves a person to find out."""
    with pytest.raises(SettingsProblem, match=said):
        script.write(open_run(CHECKPOINTS / run), tmp_path / "out")
    assert not (tmp_path / "out").exists()


SCRIPTED = DECODERS | {
    "all that is new": ROTARY
    | {"qk_norm": True, "ngram_embedding": "trigram", "activation": "squared_relu", "dropout": 0.1},
    "pairs": {"ngram_embedding": "bigram", "activation": "gelu", "bias": False},
    "open mask": {"causal_mask": False},
    "no norm": {"normalise": False, "residual_path": False},
    "no feed-forward": {"feed_forward": False, "know_positions": False},
    "not scaled": {"scale_scores": False, "norm": "rms", "activation": "swiglu"},
}


def loaded(script):
    """The names of a script that is read, not run."""
    return runpy.run_path(str(script), run_name="script")


@pytest.mark.parametrize("options", SCRIPTED.values(), ids=SCRIPTED)
def test_a_script_gives_the_scores_of_the_run(options, tmp_path):
    model = of_characters(**options)
    run = run_of(model, CHARACTERS, tmp_path / "run")
    script.write(run, tmp_path / "script")
    text = (tmp_path / "script" / "model.py").read_text()
    assert len(text.splitlines()) < 200
    assert max(map(len, text.splitlines())) <= 112
    read = loaded(tmp_path / "script" / "model.py")
    tokens = foreign.some_tokens() % CHARACTERS.vocab_size
    with torch.inference_mode():
        again = read["load"](keep=False)(tokens)
        torch.testing.assert_close(again, model(tokens), rtol=0, atol=1e-5)
    assert read["decode"](read["encode"](TEXT)) == TEXT


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_script_of_an_imported_model_gives_its_scores(kind, tmp_path):
    theirs = getattr(foreign, kind)()
    run = import_model(find(str(foreign.saved(theirs, tmp_path / "theirs"))), tmp_path / "run")
    lm("export", run.directory, "--to", "script", "--out", tmp_path / "script")
    text = (tmp_path / "script" / "model.py").read_text()
    assert len(text.splitlines()) < 200
    read, tokens = loaded(tmp_path / "script" / "model.py"), foreign.some_tokens()
    with torch.inference_mode():
        again = read["load"](keep=False)(tokens)
        torch.testing.assert_close(again, run.model()[0](tokens), rtol=0, atol=1e-5)
    assert read["encode"](TEXT) == run.tokenizer().encode(TEXT).tolist()


def test_options_that_are_off_do_not_appear(tmp_path):
    """Of the classic decoder: no rotation, no gate, no norm of queries, no shared heads, no cache."""
    script.write(run_of(of_characters(), CHARACTERS, tmp_path / "run"), tmp_path / "script")
    text = (tmp_path / "script" / "model.py").read_text()
    for absent in (
        "otary",
        "chunk",
        "rms",
        "repeat",
        "cache",
        "dropout",
        "config",
        "ngram",
        "mask[",
    ):
        assert absent not in text, absent
    assert "import lm" not in text and "from lm" not in text


def test_a_script_trains_and_writes_with_torch_alone(tmp_path):
    """In an empty folder and a process of its own; the weights in the file are better afterwards."""
    run = run_of(of_characters(), CHARACTERS, tmp_path / "run")
    script.write(run, tmp_path / "script")
    (tmp_path / "text.txt").write_text(TEXT * 40)
    before = (tmp_path / "script" / "model.safetensors").read_bytes()
    command = [sys.executable, "-I", "model.py", "to be", "--length", "30"]
    done = subprocess.run(
        [*command, "--train", tmp_path / "text.txt", "--steps", "60"],
        cwd=tmp_path / "script",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    told, _, wrote = done.stdout.partition("to be")
    losses = [float(line.split()[3]) for line in told.splitlines() if "loss" in line]
    assert losses[-1] < losses[0] - 0.5 and len(wrote) >= 30
    assert (tmp_path / "script" / "model.safetensors").read_bytes() != before
    again = loaded(tmp_path / "script" / "model.py")
    model, tokens = again["load"](keep=False), torch.tensor([again["encode"](TEXT)])
    with torch.inference_mode():
        loss = F.cross_entropy(model(tokens[:, :32]).flatten(0, 1), tokens[0, 1:33])
    assert loss.item() < losses[0] - 0.5
