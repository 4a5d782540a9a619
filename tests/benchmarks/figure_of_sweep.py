"""The figure of the included sweep, for the README: the page draws it, and its own button saves it."""

from pathlib import Path

import click
from playwright.sync_api import ViewportSize

from tests.benchmarks import app
from tests.benchmarks.machine import ROOT

SCREEN = ViewportSize(width=1920, height=1000)
SWEEP = "shipped:sizes"


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "checkpoints" / "sizes.svg",
    help="The SVG file to write; checkpoints/sizes.svg if left out.",
)
def main(out: Path) -> None:
    """Open the page in Chromium, and save the figure of the sweep of sizes as an SVG file."""
    with app.running() as playground, app.chromium() as browser:
        page = browser.new_context(viewport=SCREEN, color_scheme="light").new_page()
        page.set_default_timeout(app.PATIENCE * 1000)
        page.goto(f"{playground.url}/?tab=runs&sweep={SWEEP}")
        card = page.locator(".runs-scaling")
        card.locator(".sweep-plot .scatterlayer .trace").last.wait_for(state="attached")
        card.locator(".figure-files summary").click()
        with page.expect_download() as download:
            card.get_by_role("button", name="SVG", exact=True).click()
        download.value.save_as(out)
    click.echo(f"{out}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
