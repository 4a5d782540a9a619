"""Arrays in, plotly figures out: pure functions, tested without a browser.

`template` holds the look that all figures share; `loss`, `attention` and `next_token` each make one
figure and say in one sentence what it shows. The page's scripts (in `components/`) draw these
figures, put in the colours of the theme, and add the points and cells.
"""
