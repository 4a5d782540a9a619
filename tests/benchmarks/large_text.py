"""Row 22: a text larger than memory: the time and the memory of making its token file, and of training on it.

A text of 2,000 MB needs 6 GB on the disk. Memory is told twice: what the process itself holds (anonymous
pages), and all that was resident, to which the system adds pages of the mapped file as long as it has room.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from lm import corpora
from tests.benchmarks.machine import ROOT
from tests.benchmarks.report import Result, Setup, Table, benchmark

TRAIN = ["bigram", "--recipe", "classic", "--steps", "300", "--evaluate-every", "300"]


def write_text(path, megabytes):
    """Lines of the synthetic plays in random order."""
    lines, draw, size = corpora.load("synthetic_plays").text.split("\n"), random.Random(1), 0
    with path.open("w", encoding="utf-8") as file:
        while size < megabytes * 1e6:
            draw.shuffle(lines)
            size += file.write("\n".join(lines))


def measured(*arguments):
    """Seconds, and the largest anonymous and resident memory in MB, of `python -m lm …`."""
    began, anonymous, resident = time.perf_counter(), 0, 0
    process = subprocess.Popen(
        [sys.executable, "-m", "lm", *map(str, arguments)], cwd=ROOT, stdout=-3, stderr=-3
    )
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        held = dict(line.split(":", 1) for line in status.splitlines())
        anonymous = max(anonymous, int(held.get("RssAnon", "0 kB").split()[0]))
        resident = max(resident, int(held.get("VmHWM", "0 kB").split()[0]))
        time.sleep(0.05)
    assert process.wait() == 0
    return time.perf_counter() - began, anonymous / 1e3, resident / 1e3


@benchmark("A text larger than memory", rounds=1, with_corpus=False)
@click.option("--megabytes", default=200, show_default=True, help="The size of the text.")
def main(setup: Setup, megabytes: int) -> Result:
    """Row 22: seconds and memory of making a token file, and of 300 steps of training on it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        text, tokens, out = (Path(folder) / name for name in ("text.txt", "tokens", "run"))
        write_text(text, 1 if setup.quick else megabytes)
        for name, arguments in (
            ("make", ["corpora", text, "--tokens", tokens]),
            ("train", ["train", *TRAIN, "--corpus", tokens, "--out", out]),
        ):
            seconds, anonymous, resident = measured(*arguments)
            rows.append([name, f"{seconds:.1f}", f"{anonymous:,.0f}", f"{resident:,.0f}"])
        sizes = [f"{path.stat().st_size / 1e6:,.0f}" for path in (text, tokens)]
    columns = ["", "seconds", "MB of its own", "MB resident"]
    note = f"the text has {sizes[0]} MB, its token file {sizes[1]} MB"
    return Result([Table(columns, rows)], [note])


if __name__ == "__main__":
    main()
