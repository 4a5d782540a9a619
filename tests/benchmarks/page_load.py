"""Row 9: seconds from the command to the first answer, the page's size, and seconds until it is usable."""

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page

from tests.benchmarks import app
from tests.benchmarks.report import Result, Setup, Table, benchmark, progress, spread

COLUMNS = ("", "requests", "transferred, MB", "usable after, s")
SETTLING = 3.0  # seconds after which no more requests are expected

PLACES = {"Start": "/", "the decoder's tab": f"/?model={app.DECODER}"}

# Usable: the open tab has an enabled button that trains, and a chart with a curve.
_USABLE = """
  const seen = (node) => node.getClientRects().length > 0 && node.checkVisibility();
  const look = () => {
    const button = [...document.querySelectorAll(".train-button, .start-race")].find(seen);
    const curve = [...document.querySelectorAll(".scatterlayer path.js-line")]
      .find((path) => seen(path) && path.getAttribute("d"));
    if (button && !button.disabled && curve) window.usable = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
"""


@dataclass
class Traffic:
    """The requests of a page over the network, headers included, without those from the browser's cache."""

    addresses: dict[str, str] = field(default_factory=dict)
    cached: set[str] = field(default_factory=set)
    sizes: dict[str, float] = field(default_factory=dict)

    def over(self, page: Page) -> None:
        """Record the traffic of a page from now on."""
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.requestServedFromCache", lambda e: self.cached.add(e["requestId"]))
        session.on("Network.responseReceived", self._received)
        session.on("Network.loadingFinished", self._finished)

    @property
    def fetched(self) -> set[str]:
        """The ids of the requests that went over the network."""
        return set(self.addresses) - self.cached

    @property
    def megabytes(self) -> float:
        return sum(self.sizes.get(request, 0) for request in self.fetched) / 1e6

    def _sent(self, event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):
            self.addresses[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self.cached.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        self.sizes[event["requestId"]] = event["encodedDataLength"]


@dataclass(frozen=True)
class Visit:
    requests: int
    megabytes: float
    seconds: float


@benchmark("From the command to a usable page", with_corpus=False)
def main(setup: Setup) -> Result:
    """Row 9: seconds to the first answer with a warm disk cache; transfer; time to interactive."""
    starts: list[float] = []
    visits: dict[str, list[Visit]] = {
        f"{place}, {visit}": [] for place in PLACES for visit in ("first visit", "second visit")
    }
    for number in range(setup.rounds + 1):
        with app.running() as playground:
            progress(f"start {number}: answers after {playground.seconds:.2f} s")
            if number == 0 and not setup.quick:
                continue  # it filled the disk cache
            starts.append(playground.seconds)
            with app.chromium() as browser:
                for place, address in PLACES.items():
                    page = app.new_page(browser)
                    for name, readings in visits.items():
                        if name.startswith(place):
                            readings.append(_visit(page, playground.url + address))
        if setup.quick:
            break
    rows = [
        [
            name,
            spread(one.requests for one in readings),
            spread((one.megabytes for one in readings), 2),
            spread((one.seconds for one in readings), 2),
        ]
        for name, readings in visits.items()
    ]
    start = Table(("", "seconds"), [["command → the page answers", spread(starts, 2)]])
    return Result(
        [start, Table(COLUMNS, rows)],
        [
            "the disk cache is warm: one start before is not counted",
            f"transfer: until {SETTLING:.0f} s after the page was usable, as sent, headers included; the "
            "second visit has the browser's cache",
            "usable: from the beginning of the navigation until Train or Race can be clicked and a curve is "
            "drawn, by the page's own clock, in a headless Chromium on the same cores",
        ],
    )


def _visit(page: Page, url: str) -> Visit:
    fresh = page.context.new_page()
    traffic = Traffic()
    traffic.over(fresh)
    fresh.add_init_script(_USABLE)
    fresh.goto(url)
    fresh.wait_for_function("() => window.usable", polling=100, timeout=app.PATIENCE * 1000)
    seconds = fresh.evaluate("() => window.usable") / 1000
    fresh.wait_for_timeout(SETTLING * 1000)
    visit = Visit(len(traffic.fetched), traffic.megabytes, seconds)
    fresh.close()
    return visit


if __name__ == "__main__":
    main()
