"""Benchmarks: one script for each row of `README.md` in this folder, run as `python -m tests.benchmarks.NAME`.

They print tables. They are not tests: they assert nothing, and pytest does not collect them.

    speedrun           1   seconds to a validation loss of 1.88, compared with nanoGPT
    loss_of_a_t4       2   seconds to 1.585
    loss_of_an_a100    3   minutes to 1.4697
    shipped_decoder    3b  the decoders in checkpoints/, evaluated again
    training_speed     4   tokens per second of training, for each rung, compared with the starting point
    arithmetic_share   5   share of the machine's matrix-product rate
    sampling_speed     6   characters per second, compared with nanoGPT and transformers
    watched_run        7   steps per second of a run that a browser shows, and headless
    reaction           8   seconds from a click to its effect
    page_load          9   seconds from the command to a usable page
    memory             10  idle, and with runs
    predicted_time     11  predicted and measured time of a run
    tokens             16  speed of the tokenizers, and whether they equal the `tokenizers` library
    equal_time         17  loss per character after the same seconds, by tokens
    rewriting          18  share of lines rewritten exactly right after a time of training
    gpu                12  on a GPU, compared with nanoGPT and with the CPU

The other modules are shared by the scripts.
"""
