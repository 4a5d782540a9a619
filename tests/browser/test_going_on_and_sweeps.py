"""In a browser: a run that has ended is given more steps, and a setting is swept from the Runs tab."""

from lm.ladder import RUNGS


def test_a_finished_run_goes_on_with_more_steps(open_tab):
    tab = open_tab(RUNGS["bigram"], steps=40)
    page = tab.page
    assert not page.locator("#go_on-bigram").is_visible()  # the included run stays as it is
    page.locator("#train-bigram").click()
    page.locator("#go_on-bigram").wait_for()
    steps = page.locator("#bigram-steps input[type=number]").first
    steps.fill("60")
    steps.press("Tab")
    page.locator("#go_on-bigram").click()
    page.locator(
        "#panel-bigram .strip-line", has_text="finished: 60 steps · went on at step 40"
    ).wait_for()
    page.locator("#panel-bigram .annotation-text", has_text="steps 40→60").first.wait_for()
    page.locator("#panel-bigram .loss-card .figure-words", has_text="From step 41 on").wait_for()


def test_a_setting_is_swept_and_its_runs_ticked(server, context):
    """The included sweep is shown first; a new one begins with what the model's tab shows, and says so."""
    page = context.new_page()
    page.goto(f"{server.url}/?model=single_head_attention&context_length=32")
    page.wait_for_selector(".strip-line:visible")
    page.locator("#rung-runs-button").click()
    page.locator(".sweep-words", has_text="Ten times the largest").wait_for()
    assert page.locator(".sweep-menu").input_value() == "shipped:sizes"
    page.set_viewport_size({"width": 390, "height": 844})
    card, figure = (page.locator(f".runs-scaling{of}") for of in ("", " .sweep-plot"))
    figure.scroll_into_view_if_needed()
    inside, outside = figure.bounding_box(), card.bounding_box()
    assert inside["height"] > 90
    assert inside["y"] + inside["height"] <= outside["y"] + outside["height"]
    page.set_viewport_size({"width": 1366, "height": 768})
    page.locator(".runs-scaling .figure-files summary").click()
    with page.expect_download() as download:
        page.locator(".runs-scaling").get_by_role("button", name="SVG", exact=True).click()
    assert "<svg" in download.value.path().read_text("utf-8")[:200]
    page.locator(".sweep-new").click()
    form = page.locator(".sweep-form")
    form.get_by_label("Model", exact=True).select_option("single_head_attention")
    form.get_by_label("Vary", exact=True).select_option("vary")
    form.get_by_label("Setting", exact=True).select_option("n_embd")
    form.get_by_label("Steps of each", exact=True).fill("4")
    assert "4 to 1,024" in form.inner_text()  # before anything is refused
    form.get_by_label("values", exact=True).first.fill("4,0")
    page.locator(".sweep-costs.impossible").wait_for()
    assert page.locator(".sweep-go").is_disabled()
    form.get_by_label("values", exact=True).first.fill("4,8")
    page.locator(".sweep-costs", has_text="2 runs, ").wait_for()
    told = page.locator(".sweep-from").inner_text()
    assert told.startswith("All else as on the tab Single head") and "→32" in told
    page.locator(".sweep-go").press("Enter")
    page.locator(".sweep-words", has_text="Lowest: embedding size ").wait_for()
    assert page.evaluate("() => document.activeElement.matches('.sweep-new')")
    page.get_by_role("button", name="tick these").click()
    page.wait_for_function("() => document.querySelectorAll('.runs-tick:checked').length === 2")
