"""llama.cpp, from the package xllamacpp: another program that reads GGUF files."""

import contextlib
import json
import urllib.request


@contextlib.contextmanager
def serving(path):
    """`ask(place, **question)` for the model in a GGUF file: "/tokenize" or "/completion"."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = 256
    settings.cpuparams.n_threads = 1
    settings.warmup = False
    server = xllamacpp.Server(settings)

    def ask(place, **question):
        data = json.dumps(question).encode()
        header = {"Content-Type": "application/json"}
        request = urllib.request.Request(server.listening_address + place, data, header)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    yield ask


def greedy(ask, prompt, count):
    """The tokens that it writes after others at temperature 0."""
    settings = {"temperature": 0, "return_tokens": True, "cache_prompt": False, "ignore_eos": True}
    return ask("/completion", prompt=prompt, n_predict=count, **settings)["tokens"]
