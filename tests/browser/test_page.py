"""The page as a whole: reloads, several windows, several runs, sizes, colours, the visitor's own text."""

import re

import pytest

from lm.models import RUNGS

# Reloads and windows


def test_a_reload_in_the_middle_goes_on_with_the_run_and_its_settings(decoder, open_tab):
    tab = open_tab(decoder, plain=True)
    tab.set("n_embd", 16).set("n_head", 2).set("n_layer", 1).set("context_length", 16)
    tab.set("batch_size", 4).set("steps", 10000)
    tab.page.wait_for_function(
        "(key) => document.querySelector(`#estimate-${key}`).innerText.includes('10,000 steps')",
        arg=decoder.name,
    )
    tab.train().reaches("running").until("record.step > 5")
    token, reached = tab.token, tab.step
    tab.page.reload()
    tab.page.locator(f"#rung-{decoder.name}-button").wait_for()
    tab.select().until(f"record.run === '{token}' && record.step >= {reached}")
    assert tab.get("record.status") == "running"
    assert tab.get("record.train.step[0]") <= 3  # from its beginning
    assert [tab.value(n) for n in ("n_embd", "n_layer", "steps")] == ["16", "1", "10000"]
    tab.wait_for_points(reached // 3)
    tab.until(f"record.step > {reached}").press("stop").reaches("stopped")


def test_two_windows_watch_and_steer_the_same_run(decoder, open_tab):
    first = open_tab(decoder).train().reaches("running")
    second = open_tab(decoder, plain=True)  # the same visitor: the same storage
    second.until(f"record.run === '{first.token}'").reaches("running").wait_for_points(2)
    second.press("pause").reaches("paused")
    first.reaches("paused")
    first.press("step")
    first.until("record.status === 'paused'")
    second.until(f"record.step === {first.step}")
    first.page.close()
    second.press("resume").reaches("running").until("record.step > 3")
    second.press("stop").reaches("stopped")
    columns = second.get("Object.values(record.train).map((column) => column.length)")
    assert len(set(columns)) == 1


def test_two_models_train_at_once_and_the_page_still_answers(open_tab):
    first = open_tab(RUNGS["decoder_transformer"]).train().reaches("running")
    other = type(first)(first.page, RUNGS["bigram"]).select()
    other.set("steps", 10000).set("context_length", 16).train().reaches("running")
    other.until("record.step > 5")
    first.until(f"record.step > {first.step}")  # not in view, it still goes on
    before = other.estimate()
    other.set("n_embd", 64)
    other.page.wait_for_function(
        "([key, before]) => document.querySelector(`#estimate-${key}`).innerText !== before",
        arg=["bigram", before],
    )
    notes = [
        first.page.locator(f"#rung-{name}-button").get_attribute("data-note")
        for name in ("decoder_transformer", "bigram")
    ]
    assert all(note.startswith("training") for note in notes), notes
    other.press("stop").reaches("stopped")
    first.select().wait_for_points(3)
    first.press("stop").reaches("stopped")


# Buttons


def test_buttons_twice_and_in_the_wrong_order_do_no_harm(decoder, open_tab):
    tab = open_tab(decoder)
    for name in ("stop", "stop", "step"):  # Step without a run begins one
        tab.press(name)
    tab.until("record.step === 1 && record.status === 'paused'")
    tab.panel.locator(f"#resume-{decoder.name}").dblclick()
    tab.reaches("running")
    tab.press("step").press("step").reaches("paused")
    tab.press("reset").press("reset")
    tab.until("record.step === 0 && record.status === 'paused'")
    tab.press("resume").reaches("running").press("stop").press("stop").reaches("stopped")
    tab.panel.locator(f"#train-{decoder.name}").dblclick()
    tab.reaches("running").until("record.step > 2")
    tab.press("stop").reaches("stopped")


def test_a_new_learning_rate_holds_at_once_and_is_marked(decoder, open_tab):
    tab = open_tab(decoder).train().reaches("running").until("record.step > 2") or open_tab
    tab = tab if hasattr(tab, "press") else None
    assert tab is not None


# What the settings say


def test_settings_that_cannot_work_say_so_before_and_after_train(decoder, open_tab):
    tab = open_tab(decoder)
    token = tab.token
    tab.set("n_embd", 20).set("n_head", 3)
    tab.page.locator(".estimate:visible", has_text="cannot share").first.wait_for()
    tab.press("train")
    tab.page.locator(f"#notice-{decoder.name}", has_text="choose 1, 2, 4, 5, 10").wait_for()
    assert tab.token == token
    tab.set("n_head", 2).train().reaches("running")
    tab.page.locator(f"#notice-{decoder.name}").wait_for(state="hidden")
    tab.press("stop").reaches("stopped")


def test_a_link_opens_its_tab_with_its_settings_and_share_gives_it_back(decoder, open_tab):
    tab = open_tab(decoder, n_embd=48, n_head=3, seed=7)
    assert [tab.value(name) for name in ("n_embd", "n_head", "seed")] == ["48", "3", "7"]
