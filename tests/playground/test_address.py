"""Where the page is served: what cannot be is one true sentence, before Gradio tries it."""

import errno
import itertools
import os
import socket
import time
import types

import click
import gradio as gr
import httpx
import pytest
from click.testing import CliRunner

from lm.errors import Problem
from playground.serving import address, server
from playground.serving.gate import Listeners
from playground.serving.limits import Limits


def refusal(host: str, port: int) -> str:
    with pytest.raises(Problem) as caught:
        address.usable(host, port)
    return str(caught.value)


def test_port_0_is_a_free_one_and_known():
    host, port = address.usable("127.0.0.1", 0)
    assert host == "127.0.0.1" and port > 0
    with socket.create_server((host, port)):  # it is free
        pass


def test_a_taken_port_is_said_to_be_taken_and_no_other_trouble_is():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal("127.0.0.1", port) == address.taken(port)
    assert "There is no address called 'no.such.host.invalid'" in refusal("no.such.host.invalid", 0)
    assert "192.0.2.1 is no address of this machine" in refusal("192.0.2.1", 0)  # of no machine


def test_a_port_for_the_administrator_is_said_to_be_one(monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert "for the administrator" in refusal("127.0.0.1", 80)


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_an_ipv6_address_is_written_as_in_links(host):
    try:
        given, port = address.usable(host, 0)
    except Problem:
        pytest.skip("this machine has no IPv6 address")
    assert given == f"[{host.strip('[]')}]"
    shown = "localhost" if host == "::" else "[::1]"
    assert httpx.URL(address.link(given, port)).port == port
    assert address.link(given, port) == f"http://{shown}:{port}/"


def test_all_addresses_are_opened_as_this_machine():
    assert address.link("0.0.0.0", 80) == "http://localhost:80/"
    assert address.link("example.org", 80) == "http://example.org:80/"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--port", "80000"], "80000 is not in the range 0<=x<=65535"),
        (["--host", "no.such.host.invalid"], "There is no address called"),
        (["--root-path", "http://x/lm"], "--root-path is a path such as /lm"),
        (["--queued-runs", "0"], "Queued runs must be a whole number from 1"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_bad_flag_is_a_sentence_and_starts_nothing(flags, said):
    result = CliRunner().invoke(server.main, [*flags, "--no-browser"], terminal_width=1000)
    assert result.exit_code == 2 and said in result.output
    assert "Traceback" not in result.output


def test_gradio_asks_no_proxy_while_it_calls_itself(monkeypatch):
    """httpx cannot even be made with a SOCKS proxy: `all_proxy` ended the launch with a traceback."""
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "example.org")
    with pytest.raises(ImportError), httpx.Client():
        pass
    with address.no_proxy(), httpx.Client():
        pass
    assert os.environ["no_proxy"] == "example.org" and "NO_PROXY" not in os.environ


def test_a_page_that_starts_or_answers_late_does_not_end_the_launch(monkeypatch):
    """Gradio gives its server 5 s to listen, here none, and asks its own page for 3 s.

    On a busy machine the one ended in "Port … is taken", the other in a traceback about `share=True`.
    """
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    clock = types.SimpleNamespace(time=itertools.count(0, 100).__next__, sleep=time.sleep)
    monkeypatch.setattr("gradio.http_server.time", clock)
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("late")
    host, port = address.usable("127.0.0.1", 0)
    server.launch(page, host, port, "", Limits(), Listeners(), [])
    page.close(verbose=False)


def test_a_port_that_is_taken_meanwhile_is_still_told(monkeypatch):
    """The server's thread ends at once: nobody waits for it."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("refused")
    monkeypatch.setattr("uvicorn.Server.run", lambda self: None)
    clock = types.SimpleNamespace(time=itertools.count(0, 100).__next__, sleep=time.sleep)
    monkeypatch.setattr("gradio.http_server.time", clock)
    with pytest.raises(click.ClickException, match="is taken"):
        server.launch(page, "127.0.0.1", 7860, "", Limits(), Listeners(), [])
