"""Models that others trained, fine-tuned here: as they came at first, and in transformers afterwards."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from lm import corpora
from lm.errors import SettingsProblem
from lm.interchange import to_hugging_face
from lm.interchange.chat import chat_of
from lm.interchange.importing import find, import_model
from lm.ladder import PRETRAINED
from lm.runs import open_run, starting
from lm.runs.preparation import prepare
from tests.lm import foreign_models as foreign
from tests.lm.command_line import refusal
from tests.lm.recorded import record_all


@torch.no_grad()
def scores(model):
    return model(foreign.some_tokens())


@pytest.mark.parametrize(("family", "way"), [("gpt2", "last"), ("llama", "lora"), ("llama", "all")])
def test_it_learns_a_text_and_goes_out_again(tmp_path, family, way):
    """Weights in bfloat16 become float32, or a small change would be rounded away."""
    theirs = foreign.saved(getattr(foreign, family)(), tmp_path / "theirs")
    first = import_model(find(str(theirs), "bfloat16"), tmp_path / "first")
    given = {"start": str(first.directory), "trained": way, "steps": 3, "learning_rate": 0.01}
    plan, base = starting.planned(PRETRAINED, None, given | {"warmup_steps": 0})
    text = corpora.from_text("the end of the story is the end\n" * 60)
    prepared = prepare(text, plan.tokenizer, plan.task, {"uniform": 5.0}, base=base)
    run = prepared.new_run(tmp_path / "run", plan)
    record_all(run, prepared.data)
    run = open_run(run.directory)
    before, after = scores(run.model(0)[0]), scores(run.model()[0])
    as_it_came = first.model()[0].float()
    torch.testing.assert_close(before, scores(as_it_came), rtol=1e-5, atol=1e-5)
    lines = run.evaluations()
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.05 and "old_loss" not in lines[0]
    assert chat_of(run) == chat_of(first) and not run.record.trained_elsewhere
    to_hugging_face.write(run, tmp_path / "out")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    expected = foreign.logits_of(again, foreign.some_tokens())
    torch.testing.assert_close(after, expected, rtol=0, atol=1e-4)


def test_none_is_trained_from_random_numbers(tmp_path):
    with pytest.raises(SettingsProblem, match="import one, and name its run as the start"):
        starting.planned(PRETRAINED, None, {})
    told = refusal("train", "pretrained_transformer", "--out", tmp_path / "run", code=2)
    assert "is not trained from random numbers" in told
