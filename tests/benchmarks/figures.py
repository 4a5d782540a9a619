"""The figures of the README: the page draws them from included runs, and the chart's own button saves them."""

from dataclasses import dataclass

import click
from playwright.sync_api import Browser, ViewportSize

from tests.benchmarks import app
from tests.benchmarks.machine import ROOT

SCREEN = ViewportSize(width=1920, height=1000)
CURVES = ("characters", "bpe", "unigram")  # checkpoints/decoder_transformer-two-minutes-…


@dataclass(frozen=True)
class Figure:
    """A chart of the Runs tab. `query` shows it, `card` holds it, and `lines` are there once it is drawn."""

    query: str
    card: str
    lines: str


FIGURES = {
    "sizes": Figure("sweep=shipped:sizes", ".runs-scaling", ".sweep-plot .scatterlayer .trace"),
    "tokens": Figure(
        "axis=seconds&curves=validation&ticked="
        + ",".join(f"shipped:decoder_transformer-two-minutes-{name}" for name in CURVES),
        ".runs-chart",
        ".plot .scatterlayer .trace",
    ),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(FIGURES)))
def main(names: tuple[str, ...]) -> None:
    """Open the page in Chromium, and save these figures, or all, as checkpoints/NAME.svg."""
    with app.running() as playground, app.chromium() as browser:
        for name in names or FIGURES:
            save(playground, browser, name)


def save(playground: app.App, browser: Browser, name: str) -> None:
    """Let the page draw a figure, and write the SVG file that its button gives."""
    figure, out = FIGURES[name], ROOT / "checkpoints" / f"{name}.svg"
    page = browser.new_context(viewport=SCREEN, color_scheme="light").new_page()
    page.set_default_timeout(app.PATIENCE * 1000)
    page.goto(f"{playground.url}/?tab=runs&{figure.query}")
    card = page.locator(figure.card)
    card.locator(figure.lines).last.wait_for(state="attached")
    card.locator(".figure-files summary").click()
    with page.expect_download() as download:
        card.get_by_role("button", name="SVG", exact=True).click()
    download.value.save_as(out)
    click.echo(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
