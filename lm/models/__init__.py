"""One model per file, in the order of the ladder (`lm/ladder.py`)."""
