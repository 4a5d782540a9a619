"""The commands of `python -m lm`, and what they need of a terminal."""
