"""Models that rewrite lines on the page: their pairs, their numbers, and Try one."""

import contextlib
import math
import re
from types import SimpleNamespace

import pytest

from lm import corpora
from lm.corpora import english_french
from lm.errors import CorpusProblem
from lm.generation import SamplingConfig
from lm.ladder import RUNGS
from lm.rewriting import Answer, Rewriter
from lm.tasks import TaskConfig
from lm.tokenizers import CharacterTokenizer
from playground.figures import loss as loss_figure
from playground.figures import right_words
from playground.looking import rewriting
from playground.tabs.actions import Actions
from playground.tabs.ladder_data import ladder
from playground.tabs.pairs_choice import TITLES, PairsChoosing
from playground.texts import Texts
from playground.training.timing_worker import Costs, measured, part_of

MODEL = RUNGS["encoder_decoder"]
REWRITE = TaskConfig(task="rewrite")


@pytest.fixture
def choosing(services) -> PairsChoosing:
    return PairsChoosing(services)


@pytest.fixture
def actions(finished) -> Actions:
    """Those of the encoder–decoder, on a run of two steps."""
    return Actions(MODEL, finished)


# The pairs


def test_the_menu_offers_every_built_in_corpus_of_pairs():
    assert {key.partition(":")[0] for key in TITLES} == set(corpora.pair_names())
    assert all(corpora.is_built_in(key) for key in TITLES)


def test_own_pairs_are_kept_and_are_the_same_when_read_again(services, digits, choosing):
    """Their checksum names their runs' text: another split would be another text."""
    answer = choosing.add_pasted(digits.decode(), "", "sums")
    key = answer["pairs"]
    assert answer["choice"]["value"] == "own" and "81 pairs" in answer["facts"]
    corpus = services.texts.get(key, task=REWRITE).corpus
    assert key == f"own:{corpus.sha256[:24]}"
    again = Texts(services.library.runs_folder, {}).get(key, task=REWRITE).corpus
    assert (again.train, again.validation) == (corpus.train, corpus.validation)
    assert again.title == "Your own pairs"


def test_pairs_from_two_boxes_or_two_files(choosing, tmp_path):
    lines, answers = "a b\nc d\ne f\n", "b a\nd c\nf e\n"
    pasted = choosing.add_pasted(lines, answers, "sums")["pairs"]
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file, text in zip(files, (lines, answers), strict=True):
        file.write_text(text)
    uploaded = choosing.add_uploaded([str(file) for file in files], "sums")
    assert uploaded["pairs"] == pasted
    assert "a.txt is rewritten as that of b.txt" in uploaded["told"]["value"]


BAD = {
    "one line too few": ("a\nb\nc", "x\ny", r"3 lines and the second box has 2"),
    "an empty side": ("a\tx\n\ty\nc\tz", "", r"first side of pair 2 .* is empty"),
    "a tab inside": ("a\tx\nb\ty\tz", "", r"Line 2 .* has 2 tabs"),
    "no tab": ("a x\nb y", "", r"Line 1 .* has no tab"),
    "a very long line": ("a\tx\n" + "b" * 10_000 + "\ty", "", r"10,000 characters"),
    "one pair": ("a\tx", "", r"at least two"),
    "nothing": ("", "", r"[Ee]mpty|no pairs"),
}


@pytest.mark.parametrize("lines,answers,named", BAD.values(), ids=BAD)
def test_pairs_that_cannot_be_learned_from_are_one_sentence(choosing, lines, answers, named):
    answer = choosing.add_pasted(lines, answers, "sums")
    assert answer["told"]["visible"] and "pairs" not in answer
    sentence = answer["told"]["value"]
    assert re.search(named, sentence), sentence
    assert answer["choice"]["value"] == "sums"  # those in use stay


def test_three_files_are_refused(choosing, tmp_path):
    answer = choosing.add_uploaded([str(tmp_path / f"{n}.txt") for n in range(3)], "sums")
    assert "3 files" in answer["told"]["value"]


def test_a_download_that_fails_is_said_and_number_words_take_its_place(
    choosing, services, monkeypatch, wait
):
    def ready():
        with contextlib.suppress(CorpusProblem):  # on a busy machine it takes a while
            return services.texts.get("number_words", task=REWRITE)

    wait(ready, "number words")

    def refuse(*_):
        raise CorpusProblem("The sentences could not be downloaded: connect to the internet.")

    monkeypatch.setattr(english_french, "_archive", refuse)
    english_french.corpus.cache_clear()
    answer = choosing.choose("english_french", "sums")
    assert answer["pairs"] == "number_words"
    assert "could not be downloaded" in answer["told"]["value"]
    assert "the page uses number words" in answer["told"]["value"]


def test_pairs_and_texts_are_not_taken_for_each_other(services, tiny_values):
    model = Actions(MODEL, services)
    values = tiny_values(MODEL)
    assert (
        "is a text, and this task rewrites" in model.estimate(["synthetic_plays", *values])["error"]
    )
    bigram = Actions(RUNGS["bigram"], services)
    values = tiny_values(RUNGS["bigram"])
    assert "holds pairs of lines" in bigram.estimate(["sums", *values])["error"]


def test_a_line_longer_than_the_context_is_refused_before_training(services, tiny_values, digits):
    key = services.texts.add_pairs(digits + b"123456789012345678\t1\n")
    values = tiny_values(MODEL, context_length=16)
    assert "need 18" in Actions(MODEL, services).estimate([key, *values])["error"]


# Its costs


def test_a_plan_on_pairs_is_timed_on_some_of_the_lines(pairs, tiny_plan):
    costs = measured("cpu", tiny_plan(MODEL), pairs.corpus, pairs.tokenizer)
    assert all(math.isfinite(part) for part in (costs.step, costs.evaluation, costs.sample))
    assert costs.of_run(tiny_plan(MODEL)) > 0 and isinstance(costs, Costs)


def test_the_timed_part_stands_for_the_whole():
    corpus = corpora.load("sums")
    part, more = part_of(corpus)
    assert len(part.validation) * more == pytest.approx(len(corpus.validation))
    assert len(part.longer) * more == pytest.approx(len(corpus.longer), rel=0.05)
    assert part.train == corpus.train
    text = corpora.load("synthetic_plays")
    assert part_of(text)[1] == pytest.approx(len(text.text) / len(part_of(text)[0].text))


# Its numbers


def test_the_run_tells_the_share_right_and_the_shares_without_learning(finished):
    view = finished.library.view("local:encoder_decoder")
    view.refresh()
    assert view.pairs and 0 <= view.right <= 1
    assert set(view.run.record.known_right) == {"copy", "commonest"}
    told = view.answer("finished", None)
    assert "held-out lines exactly right" in told["summary"]
    # Counted on the answers alone, it is no line of the chart.
    assert "5-gram" not in told["summary"]
    meta = view.chart()["layout"]["meta"]
    assert meta["low"] == 0 and meta["high"] > view.run.record.baselines["uniform"]
    text = finished.library.view("local:bigram")
    assert not text.pairs and "exactly right" not in text.answer("finished", None)["summary"]


def test_a_pass_is_over_the_pairs_and_not_over_their_characters(pairs, tiny_plan, tmp_path):
    """Sentences say whether all has been read: only answers are predicted, and a batch counts its lines."""
    plan = tiny_plan(MODEL, batch_size=9)
    record = pairs.new_run(tmp_path / "run", plan).record
    assert len(pairs.corpus.train) == 81
    assert record.passes(9) == pytest.approx(1, rel=0.05)


def test_the_second_scale_is_of_shares_and_its_lines_are_those_without_learning():
    figure = loss_figure.empty(100, 3.3, {"uniform": 3.3, "bigram": 2.0}, None, {"copy": 0.04})
    exact = next(one for one in figure["data"] if one["meta"]["curve"] == "exact")
    assert exact["yaxis"] == "y2"
    lines = {shape["name"]: shape for shape in figure["layout"]["shapes"]}
    assert (lines["copy"]["y0"], lines["copy"]["yref"]) == (0.04, "y2")
    assert "bigram" not in lines  # a loss of the answers' characters alone
    assert len(figure["layout"]["annotations"]) == len(figure["layout"]["meta"]["label_y"])
    assert not any("yaxis2" in one for one in loss_figure.empty(100, 3.3, {}, None)["layout"])


def test_a_page_opens_while_its_pairs_are_still_being_prepared(services, monkeypatch):
    """A server on a busy machine did not start: its first page waited for number words in vain."""

    def not_yet(*_):
        raise CorpusProblem("That text is still being loaded.")

    monkeypatch.setattr(services.texts, "get_or_synthetic", not_yet)
    for rung in (MODEL, RUNGS["bigram"]):
        layout = Actions(rung, services).chart(None)["layout"]
        assert layout["shapes"] == layout["annotations"] == layout["meta"]["label_y"] == []


def test_the_words_hold_what_was_judged_and_say_when_it_was_better():
    scores = [
        {"exact": 0.5, "edit_distance": 0.2},
        {"exact": 0.4, "edit_distance": 0.25, "exact_longer": 0.0},
    ]
    told = right_words.summary(scores, "Validation loss 1.00.")
    assert told == (
        "40 % of the held-out lines exactly right, down from 50 %; edit distance 25 % of the length; of lines "
        "longer than any trained on, 0 %. Validation loss 1.00."
    )
    assert right_words.summary([], "Nothing measured yet.") == "Nothing measured yet."
    assert [right_words.share(part) for part in (0.0, 0.0003, 0.5, 1.0)] == [
        "0 %",
        "0.03 %",
        "50 %",
        "100 %",
    ]


def test_its_numbers_stand_on_no_axis_with_those_of_texts(finished):
    """Start's chart, and what each idea bought, are of the models that continue one text."""
    library = SimpleNamespace(
        view=lambda token: finished.library.view(token.replace("shipped", "local"))
    )
    told = ladder(library)
    card = told["models"][-1]
    assert card["key"] == MODEL.name and card["loss"] is None and "curve" not in card
    assert 0 <= card["right"] <= 1 and "→" in card["writes"]
    assert told["text"] == "Your own text" and MODEL.name not in told["gains"]
    assert all("right" not in other for other in told["models"][:-1])


def test_the_list_of_runs_has_the_share(finished):
    rows = {row["model"]: row for row in finished.comparison.table({})["runs"]}
    assert 0 <= rows[MODEL.name]["right"] <= 1
    assert rows["bigram"]["right"] is None


# Try one


def asked(run="local:encoder_decoder", number=1):
    return {"run": run, "step": None, "pane": "x", "number": number}


def test_a_line_is_answered_with_what_else_and_what_is_right(actions):
    told = actions.rewrite(asked(), "57", 0)
    assert (told["line"], told["right"], told["asked"], told["drawn"]) == ("57", "75", 1, False)
    assert told["exact"] == (told["answer"] == "75")
    assert 0 <= told["probability"] <= 1
    chances = [chance for _, chance in told["alternatives"]]
    assert len(chances) == rewriting.BEAMS and chances == sorted(chances, reverse=True)
    assert told["step"] == 2


def test_a_drawn_answer_differs_from_press_to_press(actions):
    drawn = {actions.rewrite(asked(number=n), "57", 1.0)["answer"] for n in range(8)}
    assert len(drawn) > 1
    assert len({actions.rewrite(asked(number=n), "57", 0)["answer"] for n in range(3)}) == 1


@pytest.mark.parametrize(
    "run,line,temperature,named",
    [
        ("local:encoder_decoder", "", 0, "Type a line"),
        ("local:encoder_decoder", "5x7", 0, "x"),
        ("local:encoder_decoder", "1" * 17, 0, "17 tokens"),
        ("local:encoder_decoder", "57", "warm", "Temperature"),
        ("", "57", 0, "press Train"),
        ("local:nobody", "57", 0, "no longer here"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(actions, run, line, temperature, named):
    answer = actions.rewrite(asked(run), line, temperature)
    assert set(answer) == {"error", "asked"} and named in answer["error"]


def test_a_run_on_pairs_continues_no_text(actions):
    (answer,) = actions.write(asked(), "57", *SamplingConfig().model_dump().values())
    assert answer["done"] and "Try one" in answer["note"]


def test_no_right_answer_is_claimed_where_none_is_known(actions):
    told = actions.rewrite(asked(), "123", 0)  # three digits are in no pair
    assert told["right"] is None and told["exact"] is False


def test_the_nearest_of_several_right_answers_is_told(monkeypatch):
    corpus = corpora.pairs.from_tsv("tear\tT EH R\ntear\tT IH R\nbear\tB EH R\n")
    tokenizer = CharacterTokenizer.from_text(corpus.text)
    run = SimpleNamespace(
        tokenizer=lambda: tokenizer,
        plan=SimpleNamespace(context_length=16),
        record=SimpleNamespace(corpus=SimpleNamespace(name="your_pairs")),
    )
    monkeypatch.setattr(Rewriter, "rewrite", lambda *_: [Answer("T IH", 0.5, True)])
    monkeypatch.setattr(Rewriter, "alternatives", lambda *_: [])
    snapshots = SimpleNamespace(model=lambda run, step: (None, 7))
    told = rewriting.answered(snapshots, run, None, "tear", SamplingConfig(), lambda: corpus)
    assert (told["right"], told["exact"]) == ("T IH R", False)


def test_a_line_is_read_as_the_model_learned_to_read_it():
    words = CharacterTokenizer.from_text("abcdefghijklmnopqrstuvwxyz-\t\n")
    assert rewriting.as_read("84", "number_words", words) == "eighty-four"
    assert rewriting.as_read("84", "number_words:de-en", words) == "vierundachtzig"
    assert rewriting.as_read("84", "sums:reverse", words) == "84"
    assert rewriting.as_read(" Phonetic ", "pronunciation", words) == "phonetic"
    mixed = CharacterTokenizer.from_text("Tomte \t\n")
    assert rewriting.as_read("Tom", "english_french", mixed) == "Tom"
