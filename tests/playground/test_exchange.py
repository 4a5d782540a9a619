"""Models in and out of the page: exports and imports over HTTP, and what is refused."""

import io
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lm.errors import Problem, RunProblem
from lm.interchange.importing import find, import_model
from lm.ladder import PRETRAINED
from lm.runs import open_run
from playground.exchange import exports, jobs, taking_in, worker
from playground.exchange.routes import BEGIN, FILE_KIND, FILES, JOB, MADE
from playground.services import SHIPPED
from playground.serving.limits import Limits
from tests.playground.answers import assert_one_sentence
from tests.playground.foreign_folder import written

STEPS = 600  # looks at a job, of a tenth of a second or so each


def untold(*_):
    """Nobody is told of the progress."""


@pytest.fixture(scope="module")
def folder(text, tiny_plan, tmp_path_factory):
    return written(tmp_path_factory.mktemp("model"), text, tiny_plan)


@pytest.fixture
def client(services) -> TestClient:
    return TestClient(Starlette(routes=services.exchange.routes()))


def ended(client, key):
    for _ in range(STEPS):
        told = client.get(JOB, params={"key": key}).json()
        if "said" not in told:
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def sent(client, files):
    """Files sent one after the other; returns the last answer."""
    answer = {"job": ""}
    for name, content in files.items():
        answer = client.post(
            FILES,
            params={"name": name, "job": answer.get("job", "")},
            content=content,
            headers={"Content-Type": FILE_KIND},
        ).json()
    return answer


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_comes_in_and_goes_out_again_as_it_was(folder, client, services):
    """In a process of its own; an import that lost weights or the card would not give them back."""
    answer = sent(client, contents(folder))
    begun = client.post(BEGIN, json={"job": answer["job"], "title": "mine"}).json()
    came = ended(client, begun["job"])
    assert came["model"] == PRETRAINED.name, came
    run = services.library.view(came["run"]).run
    assert run.status()[0] == "finished" and run.record.trained_elsewhere
    # what was sent takes no room twice
    assert not services.exchange.jobs.job(begun["job"]).folder.exists()

    begun = client.post(BEGIN, json={"run": came["run"], "to": "huggingface"}).json()
    made = ended(client, begun["job"])
    got = client.get(MADE, params={"key": made["file"]})
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        out = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert out["model.safetensors"] == (folder / "model.safetensors").read_bytes()
    assert b"licence" in out["README.md"]
    # what was fetched is gone
    assert client.get(MADE, params={"key": made["file"]}).status_code == 404


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"run": "local:nobody", "to": "gguf"}, "no longer here"),
        ({"run": "local:nobody", "to": "zip"}, "no longer here"),
        ({"run": "shipped:bigram", "to": "exe"}, "exported as"),
        ({"name": ""}, "Type a name"),
        ({"job": "unknown"}, "no longer here"),
    ],
)
def test_what_cannot_begin_is_refused_in_a_sentence(asked, why, client):
    told = client.post(BEGIN, json=asked).json()
    assert why in told["error"]
    assert_one_sentence(told["error"])


def test_a_refused_export_says_what_is_in_the_way(tmp_path):
    """The sentence of `lm.interchange.expressed`, without the command line's words."""
    with pytest.raises(Problem, match="Export a decoder") as problem:
        worker.exported(untold, tmp_path, SHIPPED / "bigram", "huggingface", None, "bigram")
    assert "--to" not in worker.as_told(str(problem.value), tmp_path)


def test_a_full_disk_is_told_without_the_paths_of_this_machine(tmp_path):
    for place in (tmp_path / "made", "/home/somebody/runs/x"):
        sentence = f"The run cannot be written to {place}: the disk is full; free some space."
        told = worker.as_told(sentence, tmp_path)
        assert told == "This cannot be written: the disk is full; free some space."


def test_the_page_speaks_of_an_upload_and_not_of_folders(tmp_path):
    files = tmp_path / worker.FILES
    for sentence, told in {
        f"{files} holds no weights.": "The upload holds no weights.",
        f"{files / 'a.gguf'} is damaged.": "a.gguf is damaged.",
        f"{files / 'model.zip'} holds no model.": "The file holds no model.",
        "'/etc' is no folder, no GGUF file and no name of the hub.": "'/etc' is no name of the hub.",
    }.items():
        assert worker.as_told(sentence, tmp_path) == told


@pytest.mark.parametrize(
    ("free", "bytes_free"), [("free_disk", 1000), ("free_memory", 400_000_000)]
)
def test_an_export_that_has_no_room_is_refused_before_it_begins(
    free, bytes_free, folder, services, monkeypatch
):
    """The disk is that of temporary files, where it is made."""
    run = import_model(find(str(folder)), services.library.new_directory(PRETRAINED.name))
    token, places = services.library.adopt(run.directory), []

    def room(*place):
        places.extend(place)
        return bytes_free

    monkeypatch.setattr(exports, free, room)
    with pytest.raises(RunProblem, match="This export needs about"):
        services.exchange.exports.begin(token, "gguf")
    assert places == [Path(tempfile.gettempdir())] * (free == "free_disk")
    assert not services.exchange.jobs.known()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc", "checkpoints/../x", "a/b/c", "."])
def test_a_name_is_never_a_path_of_this_machine(name, tmp_path):
    with pytest.raises(RunProblem, match="no name of the Hugging Face hub"):
        taking_in.take(untold, tmp_path, tmp_path / "out", name=name)


def test_a_folder_of_this_machine_with_the_form_of_a_name_is_not_read(
    folder, monkeypatch, tmp_path
):
    """`lm import` takes paths; a visitor's name goes to the hub, which does not know this one."""
    monkeypatch.chdir(folder.parent)
    asked = []

    def fetched(name, cache=None):
        asked.append(name)
        raise RunProblem("not there")

    monkeypatch.setattr(taking_in.hub, "fetched", fetched)
    monkeypatch.setattr(taking_in.hub, "size_of", lambda name: None)
    with pytest.raises(RunProblem, match="not there"):
        taking_in.take(untold, tmp_path, tmp_path / "out", name="folder")
    assert asked == ["folder"]


def zipped(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.txt": b"a"}, "neither a run nor a model"),
        ({"m/config.json": b"{}", "n/config.json": b"{}"}, "several models"),
        ({"m/config.json": b"{}", "m/tokenizer.json": b" " * 3_000_000}, "this page takes"),
        ({"m/config.json": b'{"model_type": "gpt2"}', "m/pytorch_model.bin": b"x"}, "pickle"),
        ({"m/config.json": b'{"model_type": "mamba"}', "m/model.safetensors": b"x"}, "'mamba'"),
    ],
    ids=["other", "several", "large", "pickle", "architecture"],
)
def test_what_is_no_model_is_refused_and_no_run_is_made(files, why, tmp_path):
    there = tmp_path / worker.FILES
    there.mkdir()
    (there / "model.zip").write_bytes(zipped(files))
    with pytest.raises(RunProblem, match=why) as problem:
        taking_in.take(untold, there, tmp_path / "out", most_bytes=2_000_000)
    assert str(tmp_path) not in worker.as_told(str(problem.value), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_bomb_and_a_damaged_zip_are_refused_before_they_fill_the_disk(tmp_path):
    """Without a limit of the page, the eight gigabytes of a zip of zeros were written first."""
    there = tmp_path / worker.FILES
    there.mkdir()
    bomb = zipped({"m/config.json": b"{}", "m/model.safetensors": b"\0" * 20_000_000})
    torn = bytearray(zipped({"m/config.json": bytes(range(256)) * 40}))
    torn[60:90] = b"\xff" * 30  # no stream of the kind that is unpacked
    for content, why in ((bomb, "times its size"), (torn, "cannot be unpacked")):
        (there / "model.zip").write_bytes(content)
        with pytest.raises(RunProblem, match=why):
            taking_in.take(untold, there, tmp_path / "out")
        assert not (there / "model.safetensors").exists()


def test_a_zip_that_unpacks_beside_its_folder_leaves_nothing_there(tmp_path):
    there = tmp_path / "job" / worker.FILES
    there.mkdir(parents=True)
    (there / "model.zip").write_bytes(zipped({"../../config.json": b"{}"}))
    with pytest.raises(RunProblem, match="path outside"):
        taking_in.take(untold, there, tmp_path / "out")
    assert not (tmp_path / "config.json").exists()


def test_files_that_are_too_large_or_none_of_a_model_do_not_stay(make_services, monkeypatch):
    services = make_services(limits=Limits(import_megabytes=1))
    client = TestClient(Starlette(routes=services.exchange.routes()))
    assert "more than 1 MB" in sent(client, {"model.gguf": b"0" * 1_000_001})["error"]
    for name in ("../config.json", "a.exe", "config.json/x"):
        assert "no file of a model" in sent(client, {name: b"{}"})["error"]
    assert not services.exchange.jobs.known()


def test_a_model_too_large_for_the_page_is_told_before_its_weights_are_read(folder, tmp_path):
    there = tmp_path / worker.FILES
    there.mkdir()
    for name, content in contents(folder).items():
        (there / name).write_bytes(content)
    with pytest.raises(RunProblem, match="this page takes up to"):
        taking_in.take(untold, there, tmp_path / "out", most_memory=1000)
    assert not (tmp_path / "out").exists()


def test_what_nobody_asks_for_is_removed(services, monkeypatch):
    exchange = services.exchange.jobs
    job = exchange.new()
    (job.folder / "x").write_text("x")
    monkeypatch.setattr(jobs, "KEPT", -1.0)
    exchange.sweep()
    assert not job.folder.exists() and not exchange.known()


def test_an_imported_run_is_one_of_the_list(folder, services):
    run = import_model(find(str(folder)), services.library.new_directory(PRETRAINED.name))
    rows = services.comparison.table({})["runs"]
    (row,) = [row for row in rows if row["model_title"] == PRETRAINED.title]
    assert row["what"] == ["folder"]  # its name, and not how it differs from others
    assert open_run(run.directory).record.note
