"""What every test needs, whatever it tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def true_arithmetic():
    """Training lets the processor round the tiniest numbers to 0, in the whole thread and for good."""
    yield
    torch.set_flush_denormal(False)
