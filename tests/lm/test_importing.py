"""Models that others trained, as runs: equal to transformers with the same weights."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lm import __main__ as cli
from lm.generation import GeneratedToken, SamplingConfig, generate
from lm.inside.ablation import without_heads
from lm.inside.inspection import inspect, layer_by_layer, surprise
from lm.interchange.chat import chat_of
from lm.interchange.found import collected
from lm.interchange.importing import find, import_model
from lm.layers import attention_weights
from lm.models.pretrained_transformer import PretrainedTransformer
from lm.runs import open_run
from tests.lm import foreign_models as foreign
from tests.lm.command_line import lm, refusal


@torch.inference_mode()
def check_logits(theirs, run, most=1e-4):
    tokens = foreign.some_tokens()
    ours, step = run.model()
    assert step == 0
    torch.testing.assert_close(ours(tokens), foreign.logits_of(theirs, tokens), rtol=0, atol=most)


@torch.inference_mode()
def check_weights(theirs, folder):
    """As `check_logits`, without a run directory in between."""
    found = find(str(foreign.saved(theirs, folder)))
    ours = PretrainedTransformer(found.config, found.vocab_size).eval()
    ours.load_state_dict(collected(found))
    tokens = foreign.some_tokens()
    torch.testing.assert_close(ours(tokens), foreign.logits_of(theirs, tokens), rtol=0, atol=1e-4)


@pytest.mark.parametrize("options", foreign.combinations(foreign.GPT2_OPTIONS), ids=str)
def test_a_gpt2_gives_the_scores_of_transformers(options, tmp_path):
    check_weights(foreign.gpt2(**options), tmp_path)


@pytest.mark.parametrize("options", foreign.combinations(foreign.LLAMA_OPTIONS), ids=str)
def test_a_llama_gives_the_scores_of_transformers(options, tmp_path):
    check_weights(foreign.llama(**options), tmp_path)


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def pair(request, tmp_path_factory):
    """A model of transformers, its folder, and the run that was imported from it by the command line."""
    where = tmp_path_factory.mktemp(request.param)
    theirs = foreign.saved(getattr(foreign, request.param)(), where / "theirs")
    lm("import", theirs, "--out", where / "ours")
    return getattr(foreign, request.param)(), theirs, open_run(where / "ours")


def test_greedy_text_with_our_cache_is_theirs(pair):
    """Token for token; a cache that is off by one position, or shares the wrong heads, changes it."""
    theirs, _, run = pair
    prompt = foreign.some_tokens(1, 5)
    expected = theirs.generate(prompt, max_new_tokens=20, do_sample=False, eos_token_id=None)[0, 5:]
    model, sampling = run.model()[0], SamplingConfig(temperature=0.0, max_new_tokens=20)
    written = [t.id for t in generate(model, prompt[0], run.plan.context_length, sampling)]
    assert written == expected.tolist()


SCRIPTS = (
    "The theme: the other the-they; it's 1,234.5 e-9!\n\n\tthen   two   spaces  ",
    "Grüße, naïve façade, Ångström, œuvre, Æther",
    "Ελληνικά και Кириллица, Україна",
    "日本語のテキスト、中文字符，한국어 문장",
    "العربية مع עברית וטקסט",
    "हिन्दी और தமிழ் และภาษาไทย",
    "🙂👩‍👩‍👧‍👦 e\u0301 \u200b\ufeff ½ ﬁ",
    "<|endoftext|>a special token<|im_start|>, and <|unknown|>",
    "",
)


@pytest.mark.parametrize("text", SCRIPTS)
def test_ids_are_those_of_transformers_and_lose_no_text(pair, text):
    _, folder, run = pair
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = run.tokenizer()
    ids = ours.encode(text)
    assert ids.tolist() == theirs(text, add_special_tokens=False)["input_ids"]
    assert ours.decode(ids) == text
    assert b"".join(ours.token_bytes(id) for id in ids) == text.encode()
    assert ours.count_characters(ids) == len(text)


def test_unused_rows_of_the_vocabulary_have_names(pair):
    """The model has 300 rows and its tokenizer 260 tokens: every id that it may draw must have a text."""
    tokenizer = pair[2].tokenizer()
    assert tokenizer.vocab_size == foreign.VOCABULARY
    assert tokenizer.decode([299]) == "<|unused 299|>"


def test_a_chat_is_rendered_as_by_transformers(pair):
    _, folder, run = pair
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]
    theirs = AutoTokenizer.from_pretrained(folder)
    expected = theirs.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert chat_of(run).render(messages) == expected


def test_a_chat_answers_until_the_end_token(pair, monkeypatch):
    """The question is read through the template; of the tokens that come, those after the end are not told."""
    _, _, run = pair
    read = []

    def scripted(model, prompt, *_):
        read.append(prompt.tolist())
        for id in [*run.tokenizer().encode("Hi"), run.tokenizer().id_of("<|endoftext|>"), 65]:
            yield GeneratedToken(id, np.zeros(1))

    monkeypatch.setattr(cli, "generate", scripted)
    told = lm("sample", run.directory, "--chat", "--prompt", "Hello").stdout
    assert told == "Hi\n"
    question = "<|endoftext|><|im_start|>user: Hello\n<|im_start|>assistant: "
    assert read == [run.tokenizer().encode(question).tolist()]


def test_a_run_without_a_template_does_not_chat(finished):
    assert "no chat template" in refusal("sample", finished, "--chat", "--prompt", "a", code=2)


def test_everything_that_takes_a_run_takes_an_imported_one(pair, text):
    _, _, run = pair
    told = json.loads(lm("evaluate", run.directory, "--corpus", text, "--json").stdout)
    assert told["characters"] > 500 and 1 < told["val_loss"] < 20
    assert "the" in lm("sample", run.directory, "--prompt", "the", "--max-new-tokens", 9).stdout
    assert "finished" in lm("runs", run.directory).stdout
    model, tokens = run.model()[0], foreign.some_tokens(1, 12)[0]
    seen = inspect(model, tokens)
    assert [weights.shape for weights in seen.attention] == [(4, 12, 12)] * 3
    lens = layer_by_layer(model, tokens)
    np.testing.assert_allclose(lens[-1], seen.probabilities, atol=1e-5)
    np.testing.assert_allclose(surprise(model, tokens, 32), seen.losses, atol=1e-4)


@torch.inference_mode()
def test_the_attention_shown_is_that_of_transformers(pair):
    theirs, _, run = pair
    tokens = foreign.some_tokens(1, 12)
    theirs.set_attn_implementation("eager")
    expected = theirs(tokens, output_attentions=True).attentions
    for ours, weights in zip(inspect(run.model()[0], tokens[0]).attention, expected, strict=True):
        np.testing.assert_allclose(ours, weights[0].numpy(), atol=1e-5)


@torch.inference_mode()
def test_a_head_that_is_off_adds_nothing_and_leaves_the_others(pair):
    """Heads that share their values: with the value matrix at 0, its neighbours would be off as well."""
    model, tokens = pair[2].model()[0], foreign.some_tokens()
    changed = without_heads(model, [(0, 1)])
    part, same = changed.blocks[0].attention, model.blocks[0].attention
    x = model.blocks[0].attention_norm(model.token_embedding(tokens))
    q, k, v = same.project(x)
    heads = attention_weights(q, k, same.mask[:24, :24], scaled=same.scaled) @ v  # (B, H, T, D)
    heads[:, 1] = 0
    expected = same.projection(heads.transpose(1, 2).flatten(2))
    torch.testing.assert_close(part(x), expected, rtol=1e-4, atol=1e-5)


def test_bfloat16_takes_half_the_disk_and_says_nearly_the_same(pair, tmp_path):
    theirs, folder, whole = pair
    half = import_model(find(str(folder), "bfloat16"), tmp_path / "half")
    size = half.snapshot_path(0).stat().st_size
    assert size < 0.6 * whole.snapshot_path(0).stat().st_size
    model = half.model()[0]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    check_logits(theirs, half, most=0.5)
    assert (
        len(list(generate(model, torch.tensor([1]), 32, SamplingConfig(max_new_tokens=40)))) == 40
    )


def test_a_card_tells_source_and_licence(pair):
    _, folder, run = pair
    card = (run.directory / "README.md").read_text()
    assert folder.name in card.replace("\\", "") and "apache-2.0" in card
    assert "apache-2.0" in run.record.note
    assert str(folder.parent) not in card + run.record.note  # of this machine; a run is passed on


def test_a_zip_of_an_imported_run_is_that_run(pair, tmp_path):
    run = pair[2]
    lm("export", run.directory, "--out", tmp_path / "run.zip")
    lm("import-run", tmp_path / "run.zip", "--out", tmp_path / "back")
    back = open_run(tmp_path / "back")
    assert chat_of(back) == chat_of(run) and back.tokenizer() == run.tokenizer()
    tokens = foreign.some_tokens()
    assert torch.equal(back.model()[0](tokens), run.model()[0](tokens))


def test_a_packed_copy_keeps_its_licence_and_its_chat(pair, tmp_path):
    run = pair[2]
    lm("pack", run.directory, "--out", tmp_path / "packed")
    packed = open_run(tmp_path / "packed")
    assert chat_of(packed) == chat_of(run)
    assert "apache-2.0" in (packed.directory / "README.md").read_text()
    tokens = foreign.some_tokens()
    assert (packed.model()[0](tokens) - run.model()[0](tokens)).abs().mean() < 0.3


def test_a_folder_of_several_files_is_read(tmp_path):
    theirs = foreign.llama()
    folder = foreign.saved(theirs, tmp_path / "theirs", max_shard_size="20KB")
    assert (folder / "model.safetensors.index.json").exists()
    check_logits(theirs, import_model(find(str(folder)), tmp_path / "ours"))
