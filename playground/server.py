"""Starting and stopping: the command line of the playground, and Gradio's launch settings."""

import gc
import os
import signal
import threading
from pathlib import Path
from typing import Any

import click
import gradio as gr
import torch
from starlette.middleware import Middleware

from lm.devices import choose_device
from lm.errors import Problem
from playground import app, components, theme
from playground.delivery import Delivery
from playground.library import Library
from playground.services import SHIPPED, Services
from playground.supervisor import Supervisor

ON_A_SPACE = os.environ.get("SYSTEM") == "spaces"


@click.command(context_settings={"max_content_width": 100})
@click.option(
    "--host",
    default="0.0.0.0" if ON_A_SPACE else "127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 lets others on the network in.",
)
@click.option("--port", default=7860, show_default=True, help="The port to listen on.")
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
def main(host: str, port: int, no_browser: bool, runs_folder: Path, device: str) -> None:
    """Watch language models learn Shakespeare: opens the playground in your browser.

    \b
    Everything runs on this machine. Without a network, and without Tiny Shakespeare in the cache,
    the playground trains on plays that it generates itself.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    for name in ("NO_PROXY", "no_proxy"):  # launch() calls itself; a proxy would not find it
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost,127.0.0.1"]))
    torch.set_num_threads(1)  # the cores are for the training processes
    try:
        where = choose_device(device)
    except Problem as problem:
        raise click.UsageError(str(problem)) from None
    supervisor = Supervisor(device=where)
    library = Library(runs_folder, SHIPPED, supervisor, open_local=not ON_A_SPACE)
    services = Services(supervisor, library)
    page = app.build(services)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        launch(page, host, port, open_browser=not (no_browser or ON_A_SPACE))
        gc.freeze()
        gc.enable()
        services.prepare()
        stop.wait()
    finally:
        page.close(verbose=False)
        services.close()


def launch(page: gr.Blocks, host: str, port: int, open_browser: bool) -> Any:
    """Serve the page without blocking."""
    components.serve_static()
    page.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    page._queue.sleep_when_free = (
        0.02  # seconds; by default it looks for work a thousand times a second
    )
    try:
        return page.launch(
            server_name=host,
            server_port=port,
            inbrowser=open_browser,
            prevent_thread_lock=True,
            theme=theme.playground_theme(),
            head=components.page_head(),
            app_kwargs={"middleware": [Middleware(Delivery, first=components.page_first())]},
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            strict_cors=True,
            max_file_size="5mb",
            ssr_mode=False,
            show_error=True,
        )
    except OSError as error:
        raise click.ClickException(
            f"Port {port} cannot be used ({error}): choose another with --port."
        ) from None
