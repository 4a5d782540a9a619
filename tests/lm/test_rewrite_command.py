"""Runs on pairs from the command line: trained, judged, asked, packed, resumed and listed."""

import json

import pytest

from lm import corpora, runs
from lm.ladder import RUNGS
from tests.lm.backwards import LINES, SMALL
from tests.lm.command_line import lm, refusal

MODEL, DECODER = RUNGS["encoder_decoder"], RUNGS["decoder_transformer"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the encoder–decoder on a file of one's own."""
    folder = tmp_path_factory.mktemp("pairs")
    file = folder / "backwards.tsv"
    file.write_text(LINES)
    sizes = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    quick = ["--steps=150", "--evaluate-every=50", "--optimizer=muon", "--warmup-steps=5"]
    lm("train", MODEL.name, "--corpus", file, "--out", folder / "run", *sizes, *quick)
    return folder / "run"


def test_it_is_trained_evaluated_and_asked(finished):
    run = runs.open_run(finished)
    last = run.evaluations()[-1]
    assert last["scores"]["exact"] > 0.5
    said = json.loads(lm("evaluate", finished, "--json").stdout)
    assert said["exact"] == last["scores"]["exact"]
    assert said["val_loss"] == pytest.approx(last["loss"], rel=1e-5)
    assert f"{said['exact']:.1%} of the lines exactly right" in lm("evaluate", finished).stdout
    learned = {source for source, _ in run.corpus().train}
    line = next(str(n) for n in range(100, 400) if str(n) in learned)
    assert lm("sample", finished, "--prompt", line).stdout == line[::-1] + "\n"
    assert lm("sample", finished, "--source", line).stdout == line[::-1] + "\n"
    beams = lm("sample", finished, "--prompt", line, "--beams", "3").stdout.splitlines()
    assert len(beams) == 3
    assert beams[0].split()[1] == line[::-1]
    assert float(beams[0].split("%")[0]) > float(beams[1].split("%")[0])
    # 32 rows, each of three digits and an end
    assert run.record.tokens_per_step == 32 * 4


def test_a_packed_run_answers_the_same(finished, tmp_path):
    lm("pack", finished, "--out", tmp_path / "packed")
    exact = runs.open_run(finished).evaluations()[-1]["scores"]["exact"]
    card = (tmp_path / "packed" / "README.md").read_text()
    assert f"| held-out lines exactly right | {exact:.1%} |" in card
    for prompt in ("123", "321"):
        one, other = (
            lm("sample", folder, "--prompt", prompt).stdout
            for folder in (finished, tmp_path / "packed")
        )
        assert one == other


def test_a_stopped_run_goes_on_from_the_command_line(tmp_path):
    file = tmp_path / "backwards.tsv"
    file.write_text(LINES)
    flags = ["--corpus", file, "--n-embd=16", "--context-length=8", "--evaluate-every=5"]
    for out, stops in (("whole", []), ("parts", ["--until-val-loss=99"])):
        lm("train", MODEL.name, "--out", tmp_path / out, "--steps=10", *flags, *stops)
    assert runs.open_run(tmp_path / "parts").status()[2] == 5
    lm("train", MODEL.name, "--out", tmp_path / "parts", "--resume")
    whole, parts = (runs.open_run(tmp_path / out).evaluations()[-1] for out in ("whole", "parts"))
    assert (whole["loss"], whole["scores"]) == (parts["loss"], parts["scores"])


def test_a_decoder_takes_pairs_without_being_told_the_task(tmp_path):
    file = tmp_path / "backwards.tsv"
    file.write_text(LINES)
    out = tmp_path / "run"
    flags = ["--steps=4", "--evaluate-every=2", "--n-embd=16", "--context-length=16"]
    lm("train", DECODER.name, "--corpus", file, "--out", out, *flags)
    assert runs.open_run(out).plan.task.task == "answer"
    assert len(lm("sample", out, "--prompt", "123").stdout.splitlines()) == 1


def test_what_does_not_fit_is_one_sentence(finished, text, tmp_path):
    out = tmp_path / "run"
    for arguments, code, sentence in (
        (
            ("train", "bigram", "--corpus", "sums"),
            2,
            "Bigram learns from a text, and 'sums' is pairs",
        ),
        (("train", MODEL.name, "--corpus", text), 2, "is a text: choose number_words, sums"),
        (("train", MODEL.name, "--corpus", "sums:divide"), 3, "sums has no kind 'divide'"),
        (("train", MODEL.name, "--corpus", "sums", "--context-length", "8"), 2, "need 9: choose"),
    ):
        assert sentence in refusal(*arguments, "--out", out, code=code)
        assert not out.exists()
    for arguments, sentence in (
        ((), "give one with --prompt"),
        (("--prompt", "12x"), "The character 'x'"),
        (("--prompt", "1" * 20), "The line has 20 tokens, and this model reads up to 16"),
        (("--prompt", "12", "--beams", "2", "--seed", "3"), "leave out --seed, or --beams"),
    ):
        assert sentence in refusal("sample", finished, *arguments, code=2)


def test_beams_are_not_for_texts(tmp_path, text):
    out = tmp_path / "run"
    lm("train", "bigram", "--corpus", text, "--out", out, "--steps=2", "--evaluate-every=2")
    assert "this one continues a text" in refusal("sample", out, "--beams", "2", code=2)


def test_a_corpus_of_pairs_is_described():
    told_of = lm("corpora", "sums").stdout
    assert "40,469 pairs to learn from, 1,000 to check, 1,000 longer ones to check" in told_of
    assert "commonest" in told_of
    assert all(name in lm("corpora").stdout for name in corpora.pair_names())


def test_a_run_of_pairs_is_listed_among_the_others(finished):
    listed = json.loads(lm("runs", finished.parent, "--json").stdout)
    assert MODEL.name in {one["model"] for one in listed}
