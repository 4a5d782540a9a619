"""Arrays in, plotly figures out: pure functions, tested without a browser.

`template` holds the look that all figures share; `loss`, `attention` and `next_character` draw one
figure each and say in one line what it shows.  The page's JavaScript (`components/playground.js`)
draws what these return, swaps colours when the page turns dark, and appends points as they come.
"""
