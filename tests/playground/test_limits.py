"""What a page allows, and who counts as a visitor."""

from pathlib import Path

import gradio as gr
import pytest
from click.testing import CliRunner
from starlette.requests import Request

from lm.errors import SettingsProblem
from lm.settings import describe
from playground.serving import server
from playground.serving.limits import HOSTED, Limits
from playground.serving.visitors import (
    COOKIE,
    NOBODY,
    SHARING,
    Visitor,
    address_of,
    over,
    visitor_of,
)

NAME = "a" * 22


def test_every_limit_is_a_flag_that_tells_its_default():
    """One description: a limit that is added to the class is on the command line, and must be in the guide."""
    guide = (Path(__file__).parents[2] / "playground/hosting/README.md").read_text("utf-8")
    told = CliRunner().invoke(server.main, ["--help"], terminal_width=1000).output
    for field in describe(Limits):
        flag = f"--{field.name.replace('_', '-')}"
        assert f"{flag} " in told and f"`{flag}`" in guide
        assert f"{field.help} (now {field.default:,})" in " ".join(told.split())


def test_a_hosted_page_is_stricter_everywhere_it_differs():
    for name, value in HOSTED.items():
        generous = getattr(Limits(), name)
        assert generous == 0 or value < generous, name


def test_a_flag_goes_before_the_defaults_and_a_bad_one_is_a_sentence():
    assert Limits.of(True, visitor_queued=3).visitor_queued == 3
    assert Limits.of(True, visitor_queued=3).visitor_running == HOSTED["visitor_running"]
    with pytest.raises(SettingsProblem, match="Queued runs must be a whole number from 1"):
        Limits.of(False, queued_runs=0)


def test_a_visitor_is_bounded_by_cookie_and_less_tightly_by_address():
    """Dropping the cookie, or making one up for every request, brings at most `SHARING` shares."""
    me = Visitor(NAME, "1.2.3.4")
    assert not over(me, [me], 2)
    assert over(me, [me, me], 2)
    assert over(Visitor(NAME, "5.6.7.8"), [me, me], 2)  # the same browser in another network
    others = [Visitor(str(n), "1.2.3.4") for n in range(2 * SHARING)]
    assert not over(me, others[1:], 2)
    assert over(me, others, 2)
    assert over(Visitor("", "1.2.3.4"), others, 2)
    # No name, no namesake.
    assert not over(Visitor("", "5.6.7.8"), [Visitor("", "1.2.3.4")] * 99, 2)


def test_no_limit_and_nobody_are_never_over():
    me = Visitor(NAME, "1.2.3.4")
    assert not over(me, [me] * 1000, 0)
    assert not over(NOBODY, [NOBODY] * 1000, 1)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("8.8.8.8", "9.9.9.9", "8.8.8.8"),  # anybody can write a header
        ("127.0.0.1", "9.9.9.9", "9.9.9.9"),
        # The proxy appends; what stands before is hearsay.
        ("10.1.2.3", "6.6.6.6, 9.9.9.9", "9.9.9.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::1", "", "::1"),
        ("testclient", "9.9.9.9", "testclient"),
    ],
)
def test_the_address_is_that_of_the_browser_as_far_as_it_can_be_trusted(peer, forwarded, address):
    assert address_of(peer, {"x-forwarded-for": forwarded}) == address


def test_a_cookie_that_is_none_of_ours_is_no_name():
    def request(cookie: str) -> Request:
        headers = [(b"cookie", f"{COOKIE}={cookie}".encode())]
        return Request({"type": "http", "headers": headers, "client": ("8.8.8.8", 1)})

    assert visitor_of(request("x" * 10_000)) == Visitor("", "8.8.8.8")
    assert visitor_of(request(NAME)) == Visitor(NAME, "8.8.8.8")
    assert visitor_of(gr.Request(request(NAME))) == Visitor(NAME, "8.8.8.8")
    assert visitor_of(None) == NOBODY
