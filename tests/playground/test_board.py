"""The class board: names that are text only, one's own entries, and the runs behind them as they are now."""

import shutil

import pytest

from lm import tasks
from lm.errors import Problem, SettingsProblem
from lm.ladder import RUNGS
from lm.runs import archive, recording
from lm.runs.format import RunRecord
from lm.training.loop import train
from playground import app
from playground.runs.board import FILE, MOST_OF_ONE, Board, checked

ANNE, BEN = "anne's page 0123456789", "ben's page 0123456789"


@pytest.fixture
def trained(library, new_run, tiny_plan, text):
    """`trained("a", steps=2)`: the token of a finished bigram."""

    def make(name: str, **changed) -> str:
        plan = tiny_plan(RUNGS["bigram"], **({"steps": 2, "evaluate_every": 1} | changed))
        run = new_run(library.runs_folder / name, plan)
        for _ in recording.record(run, train(plan, tasks.text_data(text.corpus, text.tokenizer))):
            pass
        return f"local:{name}"

    return make


@pytest.fixture
def board(library) -> Board:
    return Board(library)


def test_the_best_loss_stands_first_with_the_settings_behind_it(board, trained):
    board.put("  Anne   B. ", trained("a"), ANNE)
    board.put("Ben", trained("b", steps=60, learning_rate=0.01), BEN)
    first, second = board.listed(ANNE)
    assert (first["name"], second["name"]) == ("Ben", "Anne B.")
    assert first["best"] < second["best"]
    assert (first["own"], second["own"]) == (False, True)
    assert "embedding size 32→16" in first["settings"]
    assert (second["step"], second["steps"], second["status"]) == (2, 2, "finished")


def test_a_run_that_is_untrained_stands_last_and_gets_its_loss_as_it_trains(
    board, trained, new_run, tiny_plan, decoder, library, monkeypatch
):
    monkeypatch.setattr("playground.runs.board.FRESH", 0.0)
    new_run(library.runs_folder / "new", tiny_plan(decoder, steps=2, evaluate_every=1))
    board.put("Anne", "local:new", ANNE)
    board.put("Ben", trained("b"), BEN)
    assert [one["name"] for one in board.listed(ANNE)] == ["Ben", "Anne"]
    assert board.listed(ANNE)[1]["best"] is None
    shutil.rmtree(library.runs_folder / "new")
    trained("new")
    assert board.listed(ANNE)[0]["best"] is not None


def test_one_withdraws_ones_own_entries_and_no_others(board, trained):
    board.put("Anne", trained("a"), ANNE)
    (entry,) = board.listed(BEN)
    board.withdraw(entry["id"], BEN)
    assert len(board.listed(BEN)) == 1
    board.withdraw(entry["id"], ANNE)
    assert board.listed(ANNE) == []


def test_a_run_has_one_entry_which_its_owner_can_rename(board, trained):
    token = trained("a")
    board.put("Anne", token, ANNE)
    board.put("Anne B.", token, ANNE)
    assert [one["name"] for one in board.listed(ANNE)] == ["Anne B."]
    with pytest.raises(SettingsProblem, match="on the board already, as Anne B"):
        board.put("Ben", token, BEN)


def test_the_board_outlives_the_server_and_forgets_deleted_runs(board, trained, library):
    board.put("Anne", trained("a"), ANNE)
    board.put("Ben", trained("b"), BEN)
    shutil.rmtree(library.runs_folder / "b")
    again = Board(library)
    assert [one["name"] for one in again.listed(ANNE)] == ["Anne"]
    assert again.listed(ANNE)[0]["own"]
    assert ANNE not in (library.runs_folder / FILE).read_text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Type a name"),
        (" \n ", "Type a name"),
        (None, "Type a name"),
        (["x"], "Type a name"),
        ("x" * 31, "at most 30 characters, not 31"),
        ("a" * 10_000, "at most 30 characters, not 10,000"),
        ("abc\u202edef", "U\\+202E"),
        ("zero\u200bwidth", "U\\+200B"),
        ("nul\0", "U\\+0000"),
    ],
)
def test_a_name_is_a_line_of_plain_text(name, sentence):
    with pytest.raises(SettingsProblem, match=sentence):
        checked(name)


def test_names_of_every_script_are_welcome():
    for name in ("Ana María", "李雷", "محمد", "<b>Anne</b>", "👩‍🏫 Ms. Lee"):
        assert checked(name) == name  # the page shows it as text


def test_what_is_no_run_of_ones_own_is_refused_with_a_sentence(board, trained, library):
    with pytest.raises(Problem, match="no longer here"):
        board.put("Anne", "local:../../etc", ANNE)
    with pytest.raises(SettingsProblem, match="reload"):
        board.put("Anne", trained("a"), "short")
    for number in range(MOST_OF_ONE):
        shutil.copytree(library.runs_folder / "a", library.runs_folder / f"r{number}")
        board.put("Anne", f"local:r{number}", ANNE)
    with pytest.raises(SettingsProblem, match="withdraw one of them"):
        board.put("Anne", "local:a", ANNE)


def test_an_included_run_is_not_for_the_board(board, trained, library):
    trained("a")
    library.shipped_folder.mkdir(exist_ok=True)
    shutil.copytree(library.runs_folder / "a", library.shipped_folder / "bigram")
    with pytest.raises(SettingsProblem, match="included"):
        board.put("Anne", "shipped:bigram", ANNE)


def test_a_run_that_came_in_a_file_is_not_for_the_board(
    board, trained, library, tmp_path, monkeypatch
):
    """Anybody can bring a good run; one that says itself that it was never a file is one all the same."""
    run = library.view(trained("a")).run
    archive.export_run(run, tmp_path / "a.zip")
    brought = archive.import_run(tmp_path / "a.zip", library.runs_folder)
    archive.export_run(brought, tmp_path / "b.zip")
    again = archive.import_run(tmp_path / "b.zip", library.runs_folder)
    for one in (brought, again):
        with pytest.raises(SettingsProblem, match="came from elsewhere"):
            board.put("Anne", library.adopt(one.directory), ANNE)
    board.put("Anne", "local:a", ANNE)
    assert len(board.listed(ANNE)) == 1
    monkeypatch.setattr(RunRecord, "trained_elsewhere", True)  # a model of the Hugging Face hub
    with pytest.raises(SettingsProblem, match="came from elsewhere"):
        board.put("Anne", "local:a", ANNE)


@pytest.mark.parametrize("contents", ["{", '[{"id": 1}]', "7", "\xff"])
def test_a_damaged_board_is_named_when_the_server_starts(library, contents):
    library.runs_folder.mkdir(parents=True, exist_ok=True)
    (library.runs_folder / FILE).write_text(contents, "latin-1")
    with pytest.raises(Problem, match="delete it to begin a new board"):
        Board(library)


def test_without_the_flag_nothing_of_it_is_on_the_page(services):
    assert services.board is None
    assert "rung-board" not in str(app.build(services).config["components"])
    services.board = Board(services.library)
    assert "rung-board" in str(app.build(services).config["components"])
