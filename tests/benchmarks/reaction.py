"""Row 8: milliseconds from a click to its effect: Train to the first point, Pause and Stop to their status.

The page's own clock measures from the click's time stamp to the first frame that shows the change, so the time
of the test driver does not count.
"""

import random
import time

import click
from playwright.sync_api import Page

from lm.ladder import RUNGS
from tests.benchmarks import app
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread

COLUMNS = ("click", "until", "milliseconds")

# Conditions in JavaScript over the rung's key, its run before the click and the panel's elements.
# (Until a new run is drawn, the chart still has the points of the run before.)
FIRST_POINT = "record.run !== before && Math.min(record.train.step.length, points()) >= 1"
FIRST_LINE = "record.run !== before && Math.min(record.train.step.length, points()) >= 2"
SHOWN = "panel.querySelector('.strip-line').textContent.startsWith('{}')"

_STOPWATCH = """([key, button, conditions]) => {
  const panel = document.getElementById(`panel-${key}`);
  const before = Playground.tab(key).record.run;
  const points = () =>
    panel
      .querySelector(".loss-card .plot")
      .data?.find(({ meta }) => meta.curve === "smooth" && meta.role === "shown")?.x.length ?? 0;
  const holds = new Function("record", "before", "panel", "points", `return [${conditions}]`);
  window.took = new Promise((resolve) => {
    document.getElementById(`${button}-${key}`).addEventListener(
      "click",
      (click) => {
        const found = conditions.map(() => null);
        const look = (now) => {
          holds(Playground.tab(key).record, before, panel, points).forEach((true_, i) => {
            if (true_) found[i] ??= performance.now() - click.timeStamp;
          });
          if (found.includes(null)) requestAnimationFrame(look);
          else resolve(found);
        };
        requestAnimationFrame(look);
      },
      { capture: true, once: true },
    );
  });
}"""


@benchmark("From a click to its effect", rounds=5, with_corpus=False)
@click.option("--rung", type=click.Choice(list(RUNGS)), default=app.DECODER, show_default=True)
def main(setup: Setup, rung: str) -> Result:
    """Row 8: Train → first point; Pause, Resume and Stop → shown; in a headless Chromium."""
    settings = app.TINY if setup.quick else {}
    found: dict[tuple[str, str], list[float]] = {}
    with app.running() as playground, app.chromium() as browser:
        page = app.new_page(browser)
        app.open_rung(page, playground, rung, steps=10_000, **settings)
        for _ in playground.settle():
            pass
        for number in range(1, setup.rounds + 1):
            for button, until in (
                ("train", {"first point": FIRST_POINT, "first stretch of line": FIRST_LINE}),
                ("pause", {"“paused” is shown": SHOWN.format("paused")}),
                ("resume", {"“step …” is shown": SHOWN.format("step")}),
                ("stop", {"“stopped” is shown": SHOWN.format("stopped")}),
            ):
                took = _took(page, rung, button, list(until.values()))
                for what, milliseconds in zip(until, took, strict=True):
                    found.setdefault((button.capitalize(), what), []).append(milliseconds)
                time.sleep(random.uniform(0.7, 1.3))  # out of step with the page's polling
            progress(f"round {number} of {setup.rounds}")
    rows = [[button, what, spread(values)] for (button, what), values in found.items()]
    return Result(
        [Table(COLUMNS, rows)],
        [
            f"{rung}, {'tiny' if setup.quick else 'with its defaults'}, in one page of a headless "
            "Chromium on the same cores",
            "from the click's time stamp to the first frame with the change, by the page's own clock",
        ],
    )


def _took(page: Page, rung: str, button: str, conditions: list[str]) -> list[float]:
    """Milliseconds from a click until each condition held."""
    page.locator(f"#{button}-{rung}").wait_for(state="visible")
    page.evaluate(_STOPWATCH, [rung, button, conditions])
    app.press(page, rung, button)
    return page.evaluate("() => window.took")


if __name__ == "__main__":
    main()
