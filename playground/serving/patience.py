"""A server that may take longer to start than Gradio waits for it.

Gradio gives its server 5 s until it listens, and calls the port taken after that. On a machine whose cores
others keep busy, it takes longer. What cannot start is known sooner: the thread of the server has ended.
"""

import contextlib
import time
from collections.abc import Iterator

from gradio import http_server
from gradio.exceptions import ServerFailedToStartError


class PatientServer(http_server.Server):
    """Waits as long as the thread that starts is there."""

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
def patient_start() -> Iterator[None]:
    """Inside, Gradio launches its page with such a server."""
    before = http_server.Server
    http_server.Server = PatientServer  # type: ignore[misc]
    try:
        yield
    finally:
        http_server.Server = before  # type: ignore[misc]
