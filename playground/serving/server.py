"""Starting and stopping: the command line of the playground, and Gradio's launch settings."""

import contextlib
import gc
import os
import re
import sys
import threading
import webbrowser
from pathlib import Path

import click
import gradio as gr
import torch
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from lm.commands import flags
from lm.errors import Problem
from playground import app, theme
from playground.components import files
from playground.exchange.imports import most_bytes
from playground.runs.library import Library
from playground.runs.run_files import RunFiles
from playground.services import SHIPPED, Services
from playground.serving import address, memory, sessions, zero_gpu
from playground.serving.calls import Calls
from playground.serving.delivery import Delivery
from playground.serving.gate import Gate, Listeners
from playground.serving.health import Health
from playground.serving.limits import Limits
from playground.serving.patience import launching
from playground.training import processes
from playground.training.supervisor import Supervisor

ON_A_SPACE = os.environ.get("SYSTEM") == "spaces"


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--host",
    default="0.0.0.0" if ON_A_SPACE else "127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 lets others on the network in.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="The port to listen on; 0 takes a free one and says which.",
)
@click.option(
    "--root-path",
    default="",
    help="The path under which a proxy shows the page, such as /lm.",
)
@click.option("--no-browser", is_flag=True, help="Do not open a browser window.")
@click.option(
    "--runs",
    "runs_folder",
    type=click.Path(path_type=Path),
    default=SHIPPED / "local",
    help="The folder for runs; the page can open those in it.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where models train: cpu (quickest for small ones), cuda, mps, or auto.",
)
@click.option(
    "--board",
    is_flag=True,
    help="A shared list for a class: visitors may show a run under a name, best loss first.",
)
@flags.options(Limits.settings(ON_A_SPACE))
def main(
    host: str,
    port: int,
    root_path: str,
    no_browser: bool,
    runs_folder: Path,
    device: str,
    board: bool,
    **chosen: int | None,
) -> None:
    """Watch language models learn Shakespeare: opens the playground in your browser.

    \b
    Everything runs on this machine. Without a network, and without Tiny Shakespeare in the cache,
    the playground trains on plays that it generates itself.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    torch.set_num_threads(1)  # the cores are for the training processes
    stop, served = threading.Event(), threading.Event()
    memory.keep_small(stop)
    try:
        burst, where = zero_gpu.burst_and_device(device)
        limits = Limits.of(ON_A_SPACE, **flags.given(chosen))
        root_path = _root(root_path)
        host, port = address.usable(host, port)
        supervisor = Supervisor(device=where, limits=limits)
        library = Library(runs_folder, SHIPPED, supervisor, open_local=not ON_A_SPACE)
        services = Services(supervisor, library, board=board, burst=burst)
    except Problem as problem:
        raise click.UsageError(str(problem)) from None
    page = app.build(services)

    def end() -> None:
        stop.set()
        if not (served.is_set() or supervisor.views()):
            os._exit(0)  # there is nothing to save yet, and the launch takes seconds

    processes.on_ending(end)
    try:
        health = Health(limits, supervisor, services.writes, runs_folder)
        files_of_runs = RunFiles(services.comparison, services.exchange.imports)
        routes = [*files_of_runs.routes(), *services.exchange.routes(), *health.routes()]
        launch(page, host, port, root_path, limits, services.writes.listeners, routes)
        served.set()
        link = address.link(host, port)
        with contextlib.suppress(OSError):  # nobody may be there to read it
            click.echo(f"The playground is at {link} (Ctrl-C ends it, and keeps the runs).")
        if not (no_browser or ON_A_SPACE):
            webbrowser.open(link)
        gc.freeze()
        gc.enable()
        services.prepare()
        stop.wait()
    finally:
        _close(page, services)
    with contextlib.suppress(OSError):  # the terminal may be gone
        sys.stdout.flush()
    os._exit(0)  # not hindered by a thread that still writes a text for somebody


def _close(page: gr.Blocks, services: Services) -> None:
    """Save and end all runs, while the page closes: that waits for browsers that stay connected."""
    closing = threading.Thread(target=page.close, kwargs={"verbose": False}, daemon=True)
    closing.start()
    services.close()
    closing.join(0.5)


def _root(path: str) -> str:
    """The path of a proxy, "/lm", or nothing; a `Problem` for what is none."""
    path = path.strip("/")
    if not re.fullmatch(r"[\w.~/-]*", path):
        raise Problem(f"--root-path is a path such as /lm, not {path!r}.")
    return f"/{path}" if path else ""


def launch(
    page: gr.Blocks,
    host: str,
    port: int,
    root_path: str,
    limits: Limits,
    listeners: Listeners,
    routes: list[Route],
) -> None:
    """Serve the page, and the routes of ours beside it, without blocking."""
    files.serve_static()
    page.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    # Seconds; by default it looks for work a thousand times a second.
    page._queue.sleep_when_free = 0.02
    text_bytes = limits.text_megabytes * 1_000_000
    style = Response(files.style_sheet(), media_type="text/css")
    script = Response(files.script(), media_type="text/javascript")
    routes = [
        *routes,
        Route(files.STYLE_ADDRESS, lambda _: style),
        Route(files.SCRIPT_ADDRESS, lambda _: script),
    ]

    def front(app: ASGIApp) -> ASGIApp:
        """Gradio's application, and what answers before it: from the inside outwards."""
        app = Calls(app, page)
        app = Delivery(
            app,
            first=files.page_first(),
            files=[files.PLOTLY],
            routes=[files.STYLE_ADDRESS, files.SCRIPT_ADDRESS],
        )
        return Gate(app, root_path, text_bytes, listeners, most_bytes(limits))

    try:
        with address.no_proxy(), launching(front):  # launch() calls itself
            page.launch(
                server_name=host,
                server_port=port,
                root_path=root_path,
                inbrowser=False,
                prevent_thread_lock=True,
                quiet=True,
                theme=theme.PlaygroundTheme(),
                head=files.page_head(),
                app_kwargs={"routes": routes},
                footer_links=[],
                run_history=False,
                enable_monitoring=False,
                state_session_capacity=sessions.KEPT,
                strict_cors=True,
                max_file_size=4 * text_bytes,  # our own limit is lower, and has a sentence
                ssr_mode=False,
                _frontend=False,  # Gradio would end the launch if its page took 3 s, as on a busy machine
                show_error=True,
            )
    except OSError:
        raise click.ClickException(address.taken(port)) from None
    sessions.make_small(page)
