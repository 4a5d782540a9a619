"""Runs as zip files over HTTP: out, in, and what is refused."""

import io
import shutil
import zipfile

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from playground.runs.run_files import ADDRESS, KIND, RunFiles
from tests.playground.answers import FOREIGN, assert_one_sentence, shortened


@pytest.fixture
def page(services, finished):
    shutil.copytree(
        finished.library.runs_folder / "bigram", services.library.runs_folder / "bigram"
    )
    return services


@pytest.fixture
def client(page) -> TestClient:
    return TestClient(Starlette(routes=RunFiles(page.comparison, page.exchange.imports).routes()))


def bring(client, content: bytes, kind=KIND):
    return client.post(ADDRESS, content=content, headers={"Content-Type": kind})


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_a_run_goes_out_and_comes_in_again_beside_the_first(client, page):
    page.comparison.rename({"run": "local:bigram", "field": "name", "words": "mine"})
    out = client.get(ADDRESS, params={"run": "local:bigram"})
    assert out.status_code == 200 and out.headers["content-type"] == KIND
    assert "bigram.zip" in out.headers["content-disposition"]
    token = bring(client, out.content).json()["run"]
    assert token != "local:bigram"
    rows = {row["run"]: row for row in page.comparison.table({})["runs"]}
    assert rows[token]["name"] == "mine" and rows[token]["best"] == rows["local:bigram"]["best"]


@pytest.mark.parametrize("foreign", FOREIGN, ids=shortened)
def test_no_other_file_goes_out(foreign, client):
    answer = client.get(ADDRESS, params={"run": str(foreign).encode("utf-8", "replace")})
    assert answer.status_code == 404
    assert_one_sentence(answer.json()["error"])


def test_runs_of_the_folder_do_not_go_out_where_strangers_share_the_page(client, page):
    page.library.open_local = False
    assert client.get(ADDRESS, params={"run": "local:bigram"}).status_code == 404


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "zip"),
        (b"this is no zip", "no zip file"),
        (zipped({"a.txt": b"a"}), "no run"),
        (zipped({"../run.json": b"{}"}), "path outside"),
        (zipped({"run.json": b"{}", "bomb": b"0" * 50_000_000}), "not unpacked"),
        (
            zipped(
                dict.fromkeys(("run.json", "status.json", "tokenizer.json", "metrics.jsonl"), b"{}")
            ),
            "format",
        ),
    ],
    ids=["empty", "text", "other", "outside", "bomb", "format"],
)
def test_what_is_no_run_is_refused_in_a_sentence_and_leaves_nothing(content, why, client, page):
    before = sorted(page.library.runs_folder.rglob("*"))
    answer = bring(client, content)
    assert answer.status_code == 200 and "run" not in answer.json()
    assert_one_sentence(answer.json()["error"])
    assert why in answer.json()["error"] and "/run-" not in answer.json()["error"]
    assert sorted(page.library.runs_folder.rglob("*")) == before


def test_a_page_of_another_site_can_bring_nothing(client):
    """A browser sends forms and plain text to other sites unasked; for a zip it asks, and is refused."""
    for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded"):
        assert bring(client, b"", kind).status_code == 415
