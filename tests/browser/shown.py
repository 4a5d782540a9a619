"""All that a page shows, as plain data: two pages that show the same have the same fields."""

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

CHART = """(plot) => {
    const round = (n) => Number(n.toPrecision(3)); // the address has five of a value, not of its logarithm
    const axis = ({ type, range }) => ({ type, range: range.map(round) });
    return {
        curves: plot.data.map(({ meta, x, y, line }) =>
            [meta.role ?? "", meta.run, meta.curve, x.length, y.at(-1), line.color]),
        x: axis(plot.layout.xaxis), y: axis(plot.layout.yaxis),
    };
}"""

MODEL = """(key) => {
    const chart = CHART;
    const painted = (n) => [n.textContent, n.style.getPropertyValue("--run")];
    const panel = document.querySelector(`#panel-${key}`);
    const text = (selector) => panel.querySelector(selector)?.textContent ?? null;
    const all = (selector) => [...panel.querySelectorAll(selector)].map((n) => n.textContent);
    const values = (within) => [...within.querySelectorAll("input, textarea")].map(
        (n) => [n.closest("[id]")?.id ?? "", n.type, n.type === "checkbox" ? n.checked : n.value]);
    return {
        place: document.querySelector(".ladder [role=tab][aria-selected=true]").id,
        header: ["corpus", "tokens", "vocabulary", "facts"].map((id) => document.getElementById(id))
            .map((n) => [...values(n), n.textContent]),
        run: Playground.tab(key).record.run,
        controls: values(panel.querySelector(".controls")),
        number: text(".loss-number"), meaning: text(".loss-meaning"),
        status: text(".strip-line"), differs: text(".strip-hint"),
        chart: chart(panel.querySelector(".loss-card .plot")),
        pills: all(".loss-card .pill-button.on"),
        key: [...panel.querySelectorAll(".key-item:not([hidden])")].map(painted),
        verdicts: all(".runs-verdicts p"),
        sample: all(".diary-row"), at: all(".diary-row.at-moment"),
        moment: text(".snapshot-step"),
        view: panel.querySelector(".attention-view").dataset.view,
        inside: panel.querySelector(".text-input").value,
        heads: [...panel.querySelectorAll(".thumb-cell")].map((n) => n.classList.contains("off")),
        cost: text(".head-cost"), words: all(".attention-said .figure-words"),
        tokens: text(".token-strip"),
        write: values(document.querySelector(`#prompt-${key}`)),
        sampling: values(panel).filter(([id]) => id.startsWith(`${key}-sample-`)),
        guide: [...document.querySelectorAll(".guide-place, .guide-question")]
            .filter((n) => n.offsetParent).map((n) => n.textContent),
    };
}""".replace("CHART", CHART)

RUNS = """() => {
    const chart = CHART;
    const painted = (n) => [n.textContent, n.style.getPropertyValue("--run")];
    const page = document.querySelector(".runs");
    const all = (selector) => [...page.querySelectorAll(selector)].map((n) => n.textContent);
    const fields = (selector) =>
        [...page.querySelectorAll(selector)].map((n) => [n.ariaLabel ?? n.name, n.value]);
    return {
        place: document.querySelector(".ladder [role=tab][aria-selected=true]").id,
        rows: [...page.querySelectorAll(".runs-row")].map((n) => [
            n.dataset.run, n.querySelector("input").checked, n.style.cssText,
            [...n.querySelectorAll(".runs-text")].map((one) => one.textContent)]),
        order: [...page.querySelectorAll("th[aria-sort]")].map((n) => n.ariaSort),
        columns: page.querySelector(".runs-table").className,
        menus: fields(".runs-filters select"), count: all(".runs-count"),
        chart: chart(page.querySelector(".runs-chart .plot")),
        pills: all(".pill-button.on"), whole: !page.querySelector(".runs-chart .pills button").hidden,
        labels: [...page.querySelectorAll(".runs-label")].map(painted),
        verdicts: all(".runs-verdicts p"),
        title: all(".runs-side h2"),
        // Under the view of the settings, prompts and panes are not seen.
        texts: page.querySelector(".runs-prompts").offsetParent && [
            fields(".runs-prompts input, .runs-prompts select"), all(".runs-pane h3"),
        ],
        settings: all(".runs-settings td, .runs-settings th"),
        sweep: [all(".sweep-menu option"), page.querySelector(".sweep-menu").value, all(".sweep-words")],
    };
}""".replace("CHART", CHART)


def on_model(page: Page, key: str) -> dict:
    """The fields of a model's tab."""
    return page.evaluate(MODEL, key)


def on_runs(page: Page) -> dict:
    """The fields of the Runs tab."""
    return page.evaluate(RUNS)


def settles(page: Page, look, *more, like: dict | None = None) -> dict:
    """The fields as soon as they stay the same for a second; like: until they are these, if they ever are."""
    before = None
    for _ in range(90):
        try:
            now = look(page, *more)
        except PlaywrightError:  # parts of the page are not there yet
            now = None
        if now is not None and now == before and like in (None, now):
            return now
        before = now
        page.wait_for_timeout(1000)
    if before is None:
        raise AssertionError("the page does not come to be")
    return before
