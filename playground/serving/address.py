"""The address at which the page is served: whether it can be, and what to type into a browser.

It is tried here, before Gradio does: Gradio takes every failure for a taken port, after five seconds.
"""

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Iterator

from lm.errors import Problem


def usable(host: str, port: int) -> tuple[str, int]:
    """The host's name as Gradio takes it, and the port, a free one for 0. A `Problem` says what is wrong."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise Problem(
            f"There is no address called {host!r}: try --host 127.0.0.1, or --host 0.0.0.0 to let others in."
        ) from None
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            port = probe.getsockname()[1]
    except OSError as error:
        raise Problem(_refusal(error, host, port)) from None
    return f"[{host}]" if family == socket.AF_INET6 else host, port


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return taken(port)
    if error.errno == errno.EACCES:
        return f"Port {port} is for the administrator only: choose one from 1024 on with --port."
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return (
            f"{host} is no address of this machine: try --host 127.0.0.1, or --host 0.0.0.0 "
            "to let others in."
        )
    return f"The page cannot be served at {host}, port {port}: {error.strerror}."


def taken(port: int) -> str:
    """The sentence on a port that another program listens on."""
    return f"Port {port} is taken by another program: choose another with --port, or 0 for any that is free."


def link(host: str, port: int) -> str:
    """What a person on this machine types: the address, with localhost for "all addresses"."""
    bare = host.strip("[]")
    everywhere = _is_address(bare) and ipaddress.ip_address(bare).is_unspecified
    return f"http://{'localhost' if everywhere else host}:{port}/"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def no_proxy() -> Iterator[None]:
    """Inside, httpx asks no proxy: Gradio calls its own server, which a proxy does not find.

    httpx reads the environment when it is called; afterwards downloads go through the proxy again.
    """
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    os.environ.update(dict.fromkeys(before, "*"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
