"""Benchmarks: one script for each row of the README's table, run as `python -m tests.benchmarks.NAME`.

They print tables and are no tests: nothing here is asserted, and pytest does not collect them.

    speedrun           1   seconds to a validation loss of 1.88, beside nanoGPT
    loss_of_a_t4       2   seconds to 1.585
    loss_of_an_a100    3   minutes to 1.4697
    shipped_decoder    3b  the decoders in checkpoints/, evaluated again
    training_speed     4   tokens a second of training, rung by rung, beside the starting point
    arithmetic_share   5   share of the machine's matrix-product rate
    sampling_speed     6   characters a second, beside nanoGPT and transformers
    watched_run        7   steps a second before a browser and headless
    reaction           8   from a click to what it brings
    page_load          9   from the command to a page that can be used
    memory             10  idle, and with runs

The other modules are what they share.
"""
