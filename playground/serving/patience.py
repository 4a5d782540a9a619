"""A server that may take longer to start than Gradio waits for it, and whose requests we answer first.

Gradio gives its server 5 s until it listens, and calls the port taken after that. On a machine whose cores
others keep busy, it takes longer. What cannot start is known sooner: the thread of the server has ended.

Gradio puts its own middlewares before any that `launch` takes: they go through the headers of each request, and
prepare to compress what is compressed already. So ours stand around Gradio's whole application.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gradio import http_server
from gradio.exceptions import ServerFailedToStartError
from starlette.types import ASGIApp
from uvicorn.config import Config


class PatientServer(http_server.Server):
    """Waits as long as the thread that starts is there. front: given Gradio's application, the one to serve."""

    def __init__(self, config: Config, *, front: Callable[[Any], ASGIApp], **more: Any) -> None:
        super().__init__(config, **more)
        config.app = front(config.app)

    def run_in_thread(self) -> None:
        """Return once the server listens; `ServerFailedToStartError` if it cannot."""
        try:
            super().run_in_thread()
        except ServerFailedToStartError:
            while self.thread.is_alive() and not self.started:
                time.sleep(0.01)
            if not self.started:
                raise


@contextlib.contextmanager
def launching(front: Callable[[Any], ASGIApp]) -> Iterator[None]:
    """Inside, Gradio launches its page with such a server."""
    before = http_server.Server
    http_server.Server = partial(PatientServer, front=front)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        http_server.Server = before  # type: ignore[misc]
