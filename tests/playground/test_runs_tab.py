"""The Runs tab's data: who sees which runs, what a person may change in them, and texts side by side."""

import os
import shutil
import time

import pytest

from lm.errors import Problem
from lm.ladder import RUNGS
from lm.runs.lock import WriterLock
from playground.runs import trash
from playground.runs.comparison import MOST_TICKED, Comparison
from playground.runs.trash import Trash
from playground.tabs.runs_tab import MOST_WRITTEN, RunsTab
from tests.playground.answers import FOREIGN, assert_one_sentence, sendable, shortened
from tests.playground.live_runs import LONG, directory_of

TEXT = {"temperature": 0.8, "top_k": 0, "top_p": 1.0, "max_new_tokens": 12, "seed": 1}


@pytest.fixture
def copies(services, finished):
    """The services of a page over copies of the finished runs, which may be changed."""
    shutil.copytree(finished.library.runs_folder, services.library.runs_folder)
    return services


@pytest.fixture
def comparison(copies) -> Comparison:
    return copies.comparison


def tokens(comparison, **asked) -> list[str]:
    return [row["run"] for row in comparison.table(asked)["runs"]]


def row_of(comparison, token, **asked) -> dict:
    return next(row for row in comparison.table(asked)["runs"] if row["run"] == token)


def test_everybody_sees_all_runs_of_the_folder_with_what_differs(comparison):
    ticked = ["local:decoder_transformer", "local:bigram"]
    told = comparison.table({"ticked": ticked})
    assert {row["run"] for row in told["runs"]} == {f"local:{name}" for name in RUNGS}
    assert [one["run"] for one in told["said"]] == ["local:bigram"]
    assert_one_sentence(told["said"][0]["text"].split(". ")[0].rstrip(".") + ".")
    sendable(told)


def test_a_page_that_has_the_list_is_not_sent_it_again(comparison):
    version = comparison.table({})["version"]
    assert comparison.table({"version": version}) == {}
    comparison.rename({"run": "local:bigram", "field": "name", "words": "mine"})
    assert comparison.table({"version": version})["version"] != version


def test_strangers_see_the_included_runs_and_their_own_only(start, status, copies):
    """Where strangers share a page (`open_local`), a run is known to those who have its token."""
    copies.library.open_local = False
    token = start(on=copies, steps=2, evaluate_every=2)
    status(token, "finished", on=copies)
    assert tokens(copies.comparison) == []
    assert tokens(copies.comparison, own=[token, "local:bigram", "made up"]) == [token]
    assert row_of(copies.comparison, token, own=[token])["changeable"]
    for act, asked in (
        (copies.comparison.rename, {"run": "local:bigram", "field": "name", "words": "x"}),
        (
            lambda asked: copies.comparison.trash.put(copies.library.directory(asked)),
            "local:bigram",
        ),
    ):
        with pytest.raises(Problem):
            act(asked)
    assert "deleted" not in copies.comparison.delete({"runs": ["local:bigram"]})["said"]
    assert (copies.library.runs_folder / "bigram" / "run.json").exists()


def test_a_run_that_a_stranger_has_brought_is_theirs_alone(copies):
    library = copies.library
    assert library.adopt(library.runs_folder / "bigram") == "local:bigram"
    library.open_local = False
    token = library.adopt(library.runs_folder / "bigram")
    assert library.knows(token) and not library.knows("local:bigram")
    assert tokens(copies.comparison) == [] and tokens(copies.comparison, own=[token]) == [token]


def test_names_and_notes_are_kept_apart_and_checked(comparison):
    token = "local:bigram"
    comparison.rename({"run": token, "field": "name", "words": "<script>alert(1)</script>"})
    comparison.rename({"run": token, "field": "note", "words": "two\nlines"})
    row = row_of(comparison, token)
    assert (row["name"], row["note"]) == ("<script>alert(1)</script>", "two\nlines")
    for words in ("a" * 10_000, "right\u202eleft", "nul\0", 7, None):
        with pytest.raises(Problem) as refused:
            comparison.rename({"run": token, "field": "name", "words": words})
        assert_one_sentence(str(refused.value))
    assert row_of(comparison, token)["name"] == "<script>alert(1)</script>"


def test_an_included_run_is_neither_renamed_nor_deleted(comparison, copies):
    shutil.copytree(copies.library.runs_folder / "bigram", copies.library.shipped_folder / "bigram")
    assert not row_of(comparison, "shipped:bigram")["changeable"]
    with pytest.raises(Problem, match="included"):
        comparison.rename({"run": "shipped:bigram", "field": "name", "words": "x"})
    answer = comparison.delete({"runs": ["shipped:bigram", "local:bigram"]})
    assert [one["run"] for one in answer["deleted"]] == ["local:bigram"]
    assert answer["said"] == "1 run deleted. Included runs cannot be deleted."
    assert (copies.library.shipped_folder / "bigram" / "run.json").exists()


def test_a_run_in_training_is_not_deleted_whoever_trains_it(comparison, copies, start, status):
    token = start(on=copies, **LONG)
    status(token, "running", on=copies)
    own = f"local:{directory_of(copies, token).name}"
    with WriterLock(copies.library.runs_folder / "bigram"):
        answer = comparison.delete({"runs": [own, "local:bigram"]})
    assert answer == {
        "deleted": [],
        "said": "A run in training cannot be deleted: stop it first.",
    }


def test_a_deleted_run_comes_back_once(comparison, copies):
    """Also if it was deleted in two tabs at once, and if it has a name."""
    comparison.rename({"run": "local:bigram", "field": "name", "words": "kept"})
    first = comparison.delete({"runs": ["local:bigram"]})
    again = comparison.delete({"runs": ["local:bigram"]})
    assert "local:bigram" not in tokens(comparison) and again["deleted"] == []
    assert_one_sentence(again["said"])
    assert copies.library.answer("local:bigram")["status"] == "unknown"
    key = first["deleted"][0]["undo"]
    comparison.restore({"undo": key})
    assert row_of(comparison, "local:bigram")["name"] == "kept"
    for foreign in (key, *FOREIGN, "../../bigram"):
        with pytest.raises(Problem, match="cannot be brought back"):
            comparison.restore({"undo": foreign})


def test_a_deleted_run_is_removed_an_hour_after_a_page_last_named_it(
    comparison, copies, monkeypatch
):
    monkeypatch.setattr(trash, "EACH", 0.0)
    keys = [
        comparison.delete({"runs": [f"local:{name}"]})["deleted"][0]["undo"]
        for name in ("bigram", "ngram")
    ]
    folder = copies.library.runs_folder / trash.FOLDER
    for key in keys:
        long_ago = time.time() - trash.KEPT - 10
        os.utime(folder / key, (long_ago, long_ago))
    comparison.table({"undo": keys[:1]})
    assert [path.name for path in folder.iterdir()] == keys[:1]
    assert copies.library.runs_folder.is_dir()


def test_the_trash_takes_nothing_that_is_gone(tmp_path):
    with pytest.raises(Problem, match="deleted already"):
        Trash(tmp_path).put(tmp_path / "nothing")
    assert list((tmp_path / trash.FOLDER).iterdir()) == []


def test_settings_stand_side_by_side(comparison):
    """A run that is gone has no column, so the answer names the run of each."""
    ticked = ["local:decoder_transformer", "nothing", "local:bigram"]
    answer = comparison.settings({"ticked": ticked})
    assert answer["runs"] == ["local:decoder_transformer", "local:bigram"]
    by_title = {row["title"]: row for row in answer["rows"]}
    assert by_title["Model"]["values"] == ["Decoder transformer", "Bigram"]
    assert by_title["Layers"]["values"][1] is None and by_title["Layers"]["differs"]
    assert not by_title["Text"]["differs"]


@pytest.mark.parametrize("foreign", FOREIGN, ids=shortened)
def test_what_no_page_sends_is_answered_in_words(foreign, comparison, copies):
    tab = RunsTab(copies)
    listed = tokens(comparison)
    for asked in (
        foreign,
        {"own": foreign, "ticked": foreign, "undo": foreign, "version": foreign},
    ):
        assert [row["run"] for row in comparison.table(asked)["runs"]] == listed
        assert comparison.settings(asked) == {"runs": [], "rows": []}
    for asked in (foreign, [foreign], [[foreign, 0, 0]], [[foreign, foreign, foreign]]):
        sendable(comparison.poll(asked))
    assert comparison.delete({"runs": [foreign]})["deleted"] == []
    with pytest.raises(Problem):
        comparison.rename({"run": foreign, "field": "name", "words": "x"})
    for asked in (foreign, {"panes": foreign}, {"panes": [[foreign, "a"]], "sampling": foreign}):
        *_, last = tab.write(asked)
        assert last["problem"] or all(pane["note"] and pane["done"] for pane in last["panes"])
        sendable(last)
    assert tokens(comparison) == listed


# Texts


def texts(services, *panes, **sampling) -> list[dict]:
    asked = {"panes": list(panes), "sampling": TEXT | sampling, "pane": "a", "number": 3}
    *_, last = RunsTab(services).write(asked)
    assert last["asked"] == 3
    return last["panes"]


def test_the_same_prompt_goes_through_all_runs_and_the_same_seed_writes_the_same(finished):
    panes = [[f"local:{name}", "the"] for name in RUNGS]
    written = texts(finished, *panes)
    assert [one["run"] for one in written] == [token for token, _ in panes]
    assert all(one["done"] and one["prompt"] == "the" for one in written)
    for one, rung in zip(written, RUNGS.values(), strict=True):
        if rung.rewrites:  # it learned digits, so it cannot read this line
            assert_one_sentence(one["note"])
            (answered,) = texts(finished, [one["run"], "12"])
            assert answered["text"].startswith(" → ") and not answered["note"]
        else:
            assert len(one["text"]) == 12
    assert texts(finished, *panes) == written
    assert texts(finished, *panes, seed=2) != written
    alone = [texts(finished, pane)[0] for pane in panes]  # growing in turn changes no text
    assert alone == written


def test_two_prompts_go_through_one_run(finished):
    one, two = texts(finished, ["local:bigram", "a"], ["local:bigram", "b€"])
    assert (one["prompt"], two["prompt"]) == ("a", "b")
    assert "never seen" in two["note"] and not one["note"]


def test_a_run_that_cannot_write_says_why_and_the_others_write(finished):
    gone, there = texts(finished, ["local:nothing", "a"], ["local:bigram", "a"])
    assert_one_sentence(gone["note"])
    assert not gone["text"] and len(there["text"]) == 12


def test_texts_are_limited_in_number_and_length(finished):
    assert len(texts(finished, *[["local:bigram", "a"]] * 50)) == MOST_TICKED
    *_, last = RunsTab(finished).write(
        {"panes": [["local:bigram", "a"]], "sampling": {"max_new_tokens": MOST_WRITTEN + 1}}
    )
    assert_one_sentence(last["problem"])


def test_a_newer_request_ends_the_writing_of_the_one_before(finished):
    tab = RunsTab(finished)
    asked = {"panes": [["local:decoder_transformer", "a"]], "sampling": {"max_new_tokens": 500}}
    older = tab.write(asked | {"pane": "p", "number": 1})
    next(older)
    assert list(tab.write(asked | {"pane": "p", "number": 2}))[-1]["panes"][0]["done"]
    assert not any(pane["done"] for answer in older for pane in answer["panes"])
