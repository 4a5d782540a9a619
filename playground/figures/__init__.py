"""Arrays in, plotly figures out: pure functions, tested without a browser.

`template` holds the look that all figures share; `loss`, `attention` and `next_character` draw one
figure each and say in one line what it shows.  The page's scripts (in `components/`) draw
what these return, swap colours when the page turns dark, and append points as they come.
"""
