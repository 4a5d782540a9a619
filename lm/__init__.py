"""Language models from scratch, small enough to watch. Read in this order; each builds on the last.

 1. `corpora/`        the text to learn from, and its two splits
 2. `tokenizers/`     text to numbers and back
 3. `ngrams.py`       what counting alone achieves: the lines on every chart
 4. `models/ngram.py`                      counting as a model: what a network must beat
 5. `models/bigram.py`                     a neural network that knows one character
 6. `models/single_head_attention.py`      looking back
 7. `models/multi_head_attention.py`       looking for several things at once
 8. `layers/`, `models/single_block_transformer.py`   look, think, keep: a block
 9. `models/decoder_transformer.py`        blocks on blocks: a GPT
10. `settings.py`, `plan.py`, `recipes.py`, `models/__init__.py`   what a rung is and what can be set
11. `optimizers.py`, `learners.py`, `events.py`, `training.py`   how it learns: the change, the step, the run
12. `evaluation.py`  how good it is, exactly
13. `generation.py`  writing with it
14. `inspection.py`  looking inside
15. `runs.py`, `recording.py`   what a training run leaves behind, read and written
16. `__main__.py`    all of it from the command line: `python -m lm --help`

Nothing here knows of a web page, and nothing runs on import.
"""
