"""The web playground over `lm`: a page on which people watch language models learn.

Read `app.py` first: it composes the page. `services.py` holds what all visitors share: runs, texts
(`texts.py`), models in memory and predicted times. `controls.py` turns settings into controls and back;
`arguments.py` and `prompts.py` take what a browser sends. Then each folder has a subject:

    tabs/         the layout of the tabs, and their handlers
    runs/         runs as the page sees them: found, read, compared, swept
    training/     the processes that train
    exchange/     imports and exports of models
    looking/      what a trained model writes, and its inside
    cutting/      how texts are cut into tokens (`tokens.py`: the tokens that the header chooses)
    figures/      numbers as plotly figures
    components/   the parts that are drawn in the browser, in JavaScript
    style/        the style sheets, beside `theme.py`, which Gradio's own controls follow
    guides/       for each model, the steps that a visitor does
    lessons/      for each model, its text
    serving/      the web server around the page
    hosting/      how to run it for others
"""
