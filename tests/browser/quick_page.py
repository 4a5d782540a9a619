"""The playground with guides whose runs take a moment: `python -m tests.browser.quick_page`."""

QUICK = {
    "n_embd": 16,
    "context_length": 16,
    "batch_size": 4,
    "steps": 6,
    "evaluate_every": 2,
    "warmup_steps": 0,
}
# Held-out lines are written whenever they are judged, which takes seconds: once, by the smallest model.
QUICK_LINES = QUICK | {"evaluate_every": 6, "n_layer": 1, "n_head": 1}
SHORT = {"max_new_tokens": 20}


def quick(step, settings, quickest):
    """A step of a guide with tiny runs and short texts; what it switches stays."""
    changes = {}
    if step.do.press == "train":
        if "order" in settings:
            changes["set"] = step.do.set | {"order": min(3, step.do.set["order"])}
        else:
            kept = {name: value for name, value in step.do.set.items() if name not in quickest}
            small = {name: value for name, value in quickest.items() if name in settings}
            changes["set"] = small | kept
    if step.do.write:
        changes["write"] = step.do.write | SHORT
    return step.model_copy(update={"do": step.do.model_copy(update=changes)})


def quick_guide(model):
    """The guide of a model, its steps made quick."""
    from lm.ladder import rung
    from playground import guides

    found = guides.load(guides.FOLDER / f"{model}.toml")
    settings = rung(model).settings()
    quickest = QUICK
    if rung(model).rewrites:  # its lines must fit
        settings = {name: field for name, field in settings.items() if name != "context_length"}
        quickest = QUICK_LINES
    steps = tuple(quick(step, settings, quickest) for step in found.step)
    return found.model_copy(update={"step": steps})


if __name__ == "__main__":
    from playground.tabs import guiding

    guiding.guide = quick_guide
    from playground.serving.server import main

    main()
