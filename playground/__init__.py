"""The web playground over `lm`: a page on which people watch language models learn.

Read `app` first: it composes the page of a header (`corpus_choice`), a row of tabs (`ladder_tabs`) and one
`model_tab` for each rung, with its `settings_column`, `lesson_view` and `components/`. `actions` holds the
handlers. They share the `services`: `supervisor` and `worker` train runs in processes of their own, `library`
and `run_view` read run directories, and `texts`, `snapshots` and `estimates` keep what is costly to make.
`inspection` and `writing` use the model of a snapshot.
"""
