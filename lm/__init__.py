"""Language models from scratch, small enough to watch. Read in this order; each builds on the last.

 1. `corpora/`                             texts and pairs of lines, and their training and validation splits
 2. `tokenizers/`                          text to ids and back
 3. `ngrams.py`, `baselines.py`            the losses of counting: the lines on every chart
 4. `models/ngram.py`                      counting as a model: what a network must beat
 5. `models/bigram.py`                     a neural network that sees one character
 6. `models/single_head_attention.py`      attention to earlier positions
 7. `layers/masks.py`, the first function of `layers/attention.py`, `models/multi_head_attention.py`
                                           the formula as a function; several heads that attend at once
 8. `layers/`, `models/single_block_transformer.py`
                                           attention, feed-forward, residual path: a block
 9. `models/decoder_transformer.py`        a stack of blocks: a GPT
10. `layers/cross_attention.py`, `models/encoder_decoder.py`
                                           one line read, another written: the transformer of 2017
11. `settings.py`, `plan.py`, `ladder.py`, `recipes.py`
                                           every setting (used from item 2 on), and the parts of a run
12. `tasks/`                               batches, exact evaluation, samples; answers without learning
13. `training/`                            optimizers, one step, the loop and its events
14. `evaluation.py`, `given.py`, `edit_distance.py`, `mixture.py`
                                           the exact loss, and predictions that do not count; how wrong a line
                                           is; a network averaged with counts
15. `generation.py`, `prompt.py`, `rewriting.py`, `inside/`
                                           writing, and looking inside: of texts, and of pairs of lines
16. `runs/`                                the run directory: its format, recording, reading, packing
17. `models/pretrained_transformer.py`, `interchange/`
                                           GPT-2 and Llama as runs, and runs for other programs
18. `start.py`, `layers/lora.py`, `tuning.py`, `training/known.py`, `runs/starting.py`
                                           fine-tuning: a run that starts from another
19. `sweep.py`, `scaling.py`               plans that differ in a setting or in size; the law of sizes
20. `costs/`, `errors.py`, `devices.py`, `openmp.py`, `atomic.py`
                                           parameters, memory, operations and time; problems that a person
                                           can correct; CPU or GPU, and threads that wait; files that are
                                           replaced whole
21. `__main__.py`, `commands/`, `wording.py`
                                           all of it from the command line: `python -m lm --help`

Nothing here knows of a web page, and nothing runs on import.
"""
