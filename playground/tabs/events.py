"""How the page's events are sent, whichever tab they belong to."""

from typing import Any

# Values come as they were typed: Gradio's own checks would end in an error that names no setting.
AS_TYPED: dict[str, Any] = {
    "preprocess": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
# Straight to the server, past the queue: these answer in milliseconds.
QUICK: dict[str, Any] = {**AS_TYPED, "queue": False}
