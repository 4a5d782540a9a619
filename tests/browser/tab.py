"""One rung's tab, as the tests of the page use it."""

import json

from playwright.sync_api import Locator, Page

from lm.plan import Rung

DRAWN = (
    "(document.querySelector(`#panel-${key} .loss-card .plot`)?.data"
    "?.find(({ meta }) => meta.curve === 'smooth' && meta.role === 'shown')?.x.length ?? 0)"
)


class Tab:
    """One rung's tab in one browser page."""

    def __init__(self, page: Page, rung: Rung) -> None:
        self.page = page
        self.rung = rung
        self.key = rung.name
        self.panel = page.locator(f"#panel-{self.key}")

    def select(self) -> "Tab":
        """Click it on the ladder and wait until it lives."""
        self.button().click()
        return self.ready()

    def ready(self) -> "Tab":
        self.panel.wait_for(state="visible")
        self.page.wait_for_selector(f"#panel-{self.key} .strip", state="attached")
        self.until("record.run === null || record.status !== null")
        return self

    def beside(self, rung: Rung) -> "Tab":
        """Another rung's tab on the same page."""
        return Tab(self.page, rung)

    # What it knows

    def until(self, expression: str) -> "Tab":
        """Wait until JavaScript over `record` and `tab` is true."""
        body = f"const tab = Playground.tab('{self.key}'); const record = tab.record;"
        self.page.wait_for_function(
            f"() => window.Playground && (() => {{ {body} return {expression}; }})()", polling=50
        )
        return self

    def get(self, expression: str):
        """The value of JavaScript over `record`."""
        return self.page.evaluate(
            f"() => {{ const record = Playground.tab('{self.key}').record; return {expression} }}"
        )

    @property
    def token(self) -> str | None:
        return self.get("record.run")

    @property
    def step(self) -> int:
        return self.get("record.step")

    # What one does with it

    def press(self, name: str) -> "Tab":
        self.page.locator(f"#{name}-{self.key}").click()
        return self

    def train(self) -> "Tab":
        """Press Train and wait until the new run is there."""
        before = self.token
        self.press("train")
        self.until(f"record.run && record.run !== {json.dumps(before)} && record.status !== null")
        return self

    def reaches(self, *statuses: str) -> "Tab":
        self.until(f"{[*statuses, 'failed']}.includes(record.status)")
        assert self.get("record.status") in (*statuses, "finished"), self.get("record.reason")
        return self

    def set(self, name: str, value: object) -> "Tab":
        """Type a value into a setting's number box."""
        box = self.panel.locator(f"#{self.key}-{name} input[type=number]")
        box.fill(str(value))
        box.press("Enter")
        return self

    def type(self, name: str, keys: str) -> "Tab":
        """Type keys into a setting's number box, in place of its value, and leave it."""
        box = self.panel.locator(f"#{self.key}-{name} input[type=number]")
        box.press("Control+a")
        box.press("Delete")
        box.press_sequentially(keys)
        box.press("Tab")
        return self

    def drag(self, name: str, value: float) -> "Tab":
        """Drag a setting's slider to a value, as near as the mouse can."""
        slider = self.panel.locator(f"#{self.key}-{name} input[type=range]")
        slider.scroll_into_view_if_needed()
        box, thumb = slider.bounding_box(), 14
        low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
        middle = box["y"] + box["height"] / 2
        start, length = box["x"] + thumb / 2, box["width"] - thumb
        mouse = self.page.mouse
        mouse.move(start, middle)
        mouse.down()
        x = start + length * (value - low) / (high - low)
        for near in (x, x - 0.6, x + 0.6):  # a mouse has half pixels on some screens
            if self.value(name) != str(value):
                mouse.move(near, middle)
        mouse.up()
        return self

    def differs(self, *titles: str) -> "Tab":
        """Wait until the page says that these settings differ from the run shown, and no others."""
        self.until(f"tab.differing.join() === {json.dumps(','.join(titles))}")
        assert ("stale" in self.panel.get_attribute("class").split()) == bool(titles)
        hint = self.panel.locator(".strip-hint").inner_text()
        assert all(title.lower() in hint for title in titles[:3]) and bool(titles) == bool(hint)
        return self

    def choose(self, name: str, label: str) -> "Tab":
        """Pick an option of a setting's dropdown."""
        self.panel.locator(f"#{self.key}-{name} input").click()
        self.page.get_by_role("option", name=label, exact=True).click()
        return self

    def prompt(self, text: str) -> "Tab":
        """Type what is to be continued."""
        self.panel.locator(f"#prompt-{self.key} input, #prompt-{self.key} textarea").fill(text)
        return self

    def force(self, name: str) -> "Tab":
        """Press a button as a script would, also one that the run's state has put out of reach."""
        self.page.locator(f"#{name}-{self.key}").dispatch_event("click")
        return self

    def value(self, name: str) -> str:
        return self.panel.locator(f"#{self.key}-{name} input[type=number]").input_value()

    def estimate(self) -> str:
        return self.page.locator(f"#estimate-{self.key}").inner_text()

    def estimate_changes(self, before: str) -> "Tab":
        self.page.wait_for_function(
            "([key, before]) => document.querySelector(`#estimate-${key}`).innerText !== before",
            arg=[self.key, before],
        )
        return self

    def button(self) -> Locator:
        """Its button on the ladder."""
        return self.page.locator(f"#rung-{self.key}-button")

    def note(self) -> str:
        """The second line of its button."""
        return self.button().get_attribute("data-note") or ""

    def points(self) -> int:
        """Points that plotly has drawn of the smoothed train curve of the run shown."""
        return self.page.evaluate(f"(key) => {DRAWN}", self.key)

    def wait_for_points(self, least: int) -> "Tab":
        self.page.wait_for_function(f"([key, least]) => {DRAWN} >= least", arg=[self.key, least])
        return self

    def notice(self) -> str:
        return self.page.locator(f"#notice-{self.key}").inner_text()
