"""A model of others from end to end: brought, looked into, taught a text, compared, and taken away again."""

import zipfile

import pytest
import torch

from lm.ladder import PRETRAINED
from tests.browser.tab import Tab

PLAY = "".join(f"FIRST CITIZEN:\nSpeak {n} times, and hear me speak.\n\n" for n in range(60))


@pytest.mark.slow
def test_a_small_gpt2_is_brought_taught_by_lora_and_taken_away(server, context, tmp_path):
    """The Done-when of issue 17; `transformers` makes the model, and loads what the page exports."""
    foreign = pytest.importorskip("tests.lm.foreign_models")
    folder = foreign.saved(foreign.gpt2(n_positions=32), tmp_path / "gpt2")
    page = context.new_page()
    page.set_default_timeout(240_000)  # ms: five processes start, on a machine that may be crowded
    page.goto(f"{server.url}/?model={PRETRAINED.name}")
    tab, key = Tab(page, PRETRAINED), PRETRAINED.name

    # brought: the tab says how, and shows it once it is there
    card = page.locator(".pretrained-card")
    card.get_by_text("No pretrained model is here yet").wait_for()
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    card.locator("input[type=file]").set_input_files([folder / name for name in names])
    tab.until("record.elsewhere === true")
    card.wait_for(state="hidden")

    # looked into
    inside = tab.panel.locator(".attention-view:not(.waiting)")
    inside.wait_for()
    assert inside.locator(".thumb").count() == 4
    for view in ("next", "layers"):
        tab.panel.locator(f".view-pills [data-view={view}]").click()
        tab.panel.locator(f".attention-view[data-view={view}]:not(.waiting)").wait_for()

    # taught a pasted text; what it takes is told before
    page.locator("#corpus input").click()
    page.get_by_role("option", name="Your own text …").click()
    page.locator("#own-text-box textarea").fill(PLAY)
    page.locator("#own-text-use").click()
    page.locator("#own-text-box").wait_for(state="hidden")
    page.locator(f"#estimate-{key}", has_text="parameters trained · about").wait_for()
    tab.set("steps", 40)
    tab.until("tab.chosen.values.includes(40)")
    tab.train().reaches("finished")

    # compared: with the base, on the chart, in words, and in the diary
    losses = tab.get(
        "record.events.filter(({ type }) => type === 'evaluation').map(({ loss }) => loss)"
    )
    assert min(losses) < losses[0]
    summary = tab.panel.locator(".loss-card .figure-foot .figure-words").inner_text()
    assert "It began as" in summary and f"{losses[0]:.2f}" in summary
    tab.panel.locator(".diary.tuned .diary-base").wait_for()

    # taken away
    tab.panel.locator(".loss-card .model-export summary").click()
    with page.expect_download() as download:
        tab.panel.locator(".model-export [data-format=huggingface]").click()
    download.value.save_as(tmp_path / "out.zip")
    # Its own click on the link once closed the menu, and with it this sentence.
    tab.panel.get_by_text("is on its way to your downloads").wait_for(state="visible")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    (top,) = (tmp_path / "out").iterdir()
    transformers = pytest.importorskip("transformers")
    tuned = transformers.AutoModelForCausalLM.from_pretrained(top)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokens = foreign.some_tokens()
    difference = (foreign.logits_of(tuned, tokens) - foreign.logits_of(base, tokens)).abs().max()
    assert difference > 1e-3 and torch.isfinite(difference), "it is the base as it came"
