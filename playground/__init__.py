"""The web playground over `lm`: a page on which people watch language models learn.

`app` composes the page, `model_tab` is the one tab that serves every rung, `actions` says what its controls
do, `workers` trains in processes of their own, `looking` shows what a snapshot does with a text.
"""
