"""A server whose page knows a toy tokenizer: trains one run as Train does, and prints how it ended.

A program of its own, because the training process must know the tokenizer, too: it imports the main module
anew. `python -m tests.playground.toy_page FOLDER` prints one JSON object.
"""

from tests.pair_tokenizer import register

register()

if __name__ == "__main__":
    import json
    import sys
    import time
    from pathlib import Path

    from lm import corpora
    from lm.ladder import RUNGS
    from playground.tabs.actions import Actions
    from playground.training.supervisor import ENDED
    from tests.playground.conftest import TINY, services_over

    folder = Path(sys.argv[1])
    services = services_over(folder / "runs", folder / "shipped")
    rung = RUNGS["decoder_transformer"]
    wanted = TINY | {"tokenizer": "pairs"}
    values = [wanted.get(name, field.default) for name, field in rung.settings().items()]
    key = services.texts.add(corpora.load("synthetic_plays").text[:20_000].encode())
    begun = Actions(rung, services).begin(["train", "", key, *values])
    while (answer := services.library.answer(begun["run"]))["status"] not in ENDED:
        time.sleep(0.05)
    run = services.library.view(begun["run"]).run
    services.close()
    print(json.dumps({"answer": answer, "chart": begun["chart"], "directory": str(run.directory)}))
