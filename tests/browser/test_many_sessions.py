"""Many visitors over a day: what a page leaves in the server, and a page that the server has forgotten."""

import os
import time
from pathlib import Path

import pytest

from playground.serving.sessions import KEPT
from tests.browser.test_requests import feed_of


def megabytes(server) -> float:
    for line in Path(f"/proc/{server.process.pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no Pss")


def visit(server, feed: int, session: str) -> None:
    body = {"session_hash": session, "component_id": feed, "fn_name": "poll", "data": ["", 0, 0]}
    status, _ = server.post("/gradio_api/component_server", body)
    assert status == 200


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="needs smaps_rollup")
def test_600_sessions_leave_the_server_s_memory_flat(server):
    """Gradio kept 1.0 MB of each, for up to 10,000: 4,000 polls took 4.45 GB."""
    feed = feed_of(server, "bigram")
    for number in range(20):
        visit(server, feed, f"first {number}")
    before = megabytes(server)
    for number in range(600):
        visit(server, feed, f"many {number}")
    assert megabytes(server) - before < 60


def test_a_page_that_the_server_has_forgotten_goes_on(server, decoder, open_tab):
    """Its session is dropped for those of others: its menus, its run and its text go on as before."""
    tab = open_tab(decoder, steps=20)
    feed = feed_of(server, "bigram")
    for number in range(KEPT + 50):
        visit(server, feed, f"others {number} {time.time()}")
    tab.train().reaches("finished")
    tab.panel.locator(".label-wrap", has_text="Earlier runs").click()
    tab.page.locator(f"#saved-{tab.key} input").click()
    tab.page.get_by_role("option", name="the included run", exact=True).click()
    tab.until("record.run.startsWith('shipped:') && record.status === 'finished'")
    tab.press("sample")
    tab.panel.locator(".written .made").first.wait_for(state="attached")
    assert not tab.page.locator("#toast, .toast-body").count()
