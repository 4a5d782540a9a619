"""Visitors without a browser, who send what a page sends to its server in one visit (`recorded_visit.py`).

For `class.py`. A visitor without a browser opens the page, trains, polls as `components/tab/polling.js` does,
looks into the model at each new snapshot, and lets it write once. They visit in a few processes of a lower
priority than the server's and a higher one than training's: in one process they would wait for one another.
"""

import contextlib
import gzip
import http.client
import json
import multiprocessing
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from tests.benchmarks.recorded_visit import HEARTBEAT, Script, Sent

CONNECTIONS = 6  # of a browser to one server
KEEP_ALIVE = 30.0  # seconds
PRESS_AGAIN = 5.0  # seconds after which a refused visitor presses Train again
LONGEST = 900.0  # seconds of a visit
LIVE = ("queued", "starting", "running", "paused")
NOT_YET = ("queued", "starting", "running")  # without a point, nobody looks into the model
PROCESSES = 3  # in which the visitors are
BELOW = 5  # their priority under the server's; training is at 10


@dataclass
class Seen:
    """What one visitor met. Times are in seconds."""

    page: float = 0.0  # until the page and its load events were answered
    files: float = 0.0  # until its files had come, too
    polls: list[float] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # requests that were not answered with 200
    waited: bool = False  # in the queue
    places: list[Any] = field(default_factory=list)  # that were told there
    unplaced: int = 0  # answers in the queue without a place
    status: str = ""
    reason: str = ""
    wrote: bool = False


def pace(eager: bool, seconds_left: float | None, trained: float, place: int = 0) -> float:
    """Seconds from one poll to the next: `pace` of polling.js, for a page that is looked at.

    place: in the queue, from 1; 0: not in it.
    """
    if place > 1:
        return max(0.2, min(1.0, 0.1 * place))
    if eager:
        return 0.06
    return max(0.2, min(1.0, 0.005 * (seconds_left or 0), 0.1 * trained))


@contextlib.contextmanager
def crowd() -> Iterator[ProcessPoolExecutor]:
    """The processes in which visitors are, started."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, os.nice, (BELOW,)) as pool:
        list(pool.map(_started, [0.5] * PROCESSES))
        yield pool


def visits(
    pool: ProcessPoolExecutor, url: str, scripts: Sequence[Script], moments: Sequence[float]
) -> list[Future[list[Seen]]]:
    """A visitor at each moment, in seconds from now, with the scripts in turns; what those of a process saw."""
    now = time.time()
    all_of_them = [(now + at, scripts[n % len(scripts)]) for n, at in enumerate(moments)]
    shares = [all_of_them[first::PROCESSES] for first in range(PROCESSES)]
    return [pool.submit(_visit, url, share) for share in shares if share]


def _visit(url: str, share: Sequence[tuple[float, Script]]) -> list[Seen]:
    """The visitors of one process: each at its time, by the clock."""

    def visit(at: float, script: Script) -> Seen:
        time.sleep(max(0.0, at - time.time()))
        return Visitor(url, script).visit()

    with ThreadPoolExecutor(len(share)) as pool:
        return list(pool.map(visit, *zip(*share, strict=True)))


def _started(seconds: float) -> None:
    """Wait while the other processes start."""
    time.sleep(seconds)


class Visitor:
    """Someone with a browser of their own, without the browser."""

    def __init__(self, url: str, script: Script) -> None:
        self.url = url
        self.address = urlsplit(url)
        self.script = script
        self.session = secrets.token_hex(6)
        self.cookies: dict[str, str] = {}
        self.seen = Seen()
        self.run = ""
        self.points: dict[str, Any] = {}
        self._own = threading.local()  # each thread has a connection
        self._opened: list[http.client.HTTPConnection] = []

    def visit(self) -> Seen:
        """Open the page, train to the end, write, and leave."""
        try:
            self._open()
            with ThreadPoolExecutor(2) as beside, self._heartbeat():
                if self._begin():
                    self._watch(beside)
                    self._write()
        except Exception as error:
            self.seen.failures.append(repr(error))
        for connection in self._opened:
            connection.close()
        return self.seen

    def _open(self) -> None:
        script, began = self.script, time.perf_counter()
        self._send(script.document)
        with ThreadPoolExecutor(2) as files, ThreadPoolExecutor(CONNECTIONS - 2) as calls:
            fetched = [files.submit(self._send, one) for one in script.files]
            for done in [calls.submit(self._send, one) for one in script.loading]:
                done.result()
            self.seen.page = time.perf_counter() - began
            for one in script.opening:
                calls.submit(self._send, one)
            for done in fetched:
                done.result()
            self.seen.files = time.perf_counter() - began

    def _heartbeat(self) -> contextlib.AbstractContextManager[object]:
        """The stream that tells the server that the page is open, over a connection of its own."""
        path = f"{self.script.heartbeat.path.partition(HEARTBEAT)[0]}{HEARTBEAT}{self.session}"
        return urlopen(f"{self.url}{path}")

    def _begin(self) -> bool:
        """Press Train until it is accepted."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            answer = self._send(self.script.begin)
            if answer and answer.get("run"):
                self.run = answer["run"]
                return True
            self.seen.refusals.append(str((answer or {}).get("error", "no answer")))
            time.sleep(PRESS_AGAIN)
        return False

    def _watch(self, beside: ThreadPoolExecutor) -> None:
        """Poll until the run has ended, and send what a page sends meanwhile."""
        begun = alive = time.monotonic()
        later = list(self.script.later)
        points, events, looked = 0, 0, None
        looking: Future[Any] | None = None
        while time.monotonic() < begun + LONGEST:
            sent = time.monotonic()
            answer = self._call("poll", [self.run, points, events])
            if answer is None:
                time.sleep(1.0)
                continue
            self.seen.polls.append(time.monotonic() - sent)
            self._note(answer)
            fresh = answer.get("events", [])
            news = len(answer.get("train", {}).get("step", [])) + len(fresh)
            if answer.get("from", points) != points or answer.get("from_events", events) != events:
                points = events = 0  # ask for all of it again
                continue
            points += len(answer.get("train", {}).get("step", []))
            events += len(fresh)
            if answer["status"] not in LIVE and not news:
                return
            snapshots = [one["step"] for one in fresh if one["type"] == "snapshot"]
            looked = snapshots[-1] if snapshots else looked
            begins = answer["status"] in NOT_YET and not points
            free = looking is None or looking.done()
            if looked is not None and not begins and free and "look" in self.script.calls:
                looking, looked = beside.submit(self._look), None
            now = time.monotonic()
            while later and later[0].at < now - begun:
                beside.submit(self._send, later.pop(0))
            if now - alive > KEEP_ALIVE:
                alive = now
                beside.submit(self._call, "keep_alive", [self.run])
            trained = answer.get("train", {}).get("seconds", [])
            self.points["seconds"] = trained[-1] if trained else self.points.get("seconds", 0.0)
            eager = now - begun < 1.5 and not points
            place = (answer.get("queue") or {}).get("place", 0)
            wait = pace(eager, answer.get("seconds_left"), self.points["seconds"], place)
            time.sleep(max(0.0, sent + wait - now))

    def _note(self, answer: dict[str, Any]) -> None:
        seen = self.seen
        seen.status, seen.reason = answer["status"], answer.get("reason") or ""
        if answer["status"] == "queued":
            seen.waited = True
            if told_place(answer.get("queue")):
                seen.places.append(answer["queue"]["place"])
            else:
                seen.unplaced += 1

    def _look(self) -> None:
        _, _, *asked = self.script.calls["look"].contents["data"]
        self._call("look", [self.run, None, *asked])

    def _call(self, name: str, data: list[Any]) -> dict[str, Any] | None:
        """Call a server function of the page."""
        call = self.script.calls[name]
        body = json.dumps(call.contents | {"data": data})
        return self._send(Sent(0, call.path, call.headers, body))

    def _write(self) -> None:
        """Sample: the order, then the stream of its answers."""
        join, *stream = self.script.write
        self._send(join)
        for one in stream:
            with self._answer(one) as answer:
                for line in answer:
                    if b"process_completed" in line:
                        self.seen.wrote = True
                        return

    # Requests

    def _send(self, one: Sent) -> Any:
        """The decoded answer of a request; None if it failed."""
        try:
            with self._answer(one) as answer:
                data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.seen.failures.append(f"{one.path[:60]}: {error!r}")
            return None
        if answer.status != 200:
            self.seen.failures.append(f"{one.path[:60]}: {answer.status}")
            return None
        if one.body is None:
            return None
        if answer.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return json.loads(data)

    @contextlib.contextmanager
    def _answer(self, one: Sent) -> Iterator[http.client.HTTPResponse]:
        """The answer to a request, made as this visitor's own, over this thread's connection."""
        headers = {
            name: value.replace("\r", "")
            for name, value in one.headers.items()
            if name not in ("content-length", "origin", "referer")
        }
        headers["accept-encoding"] = "gzip, deflate, br"
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if one.body is not None:
            headers |= {"origin": self.url, "referer": f"{self.url}/"}
        path, body = one.path, one.body
        if "session_hash" in path:
            path = f"{path.partition('?')[0]}?{urlencode({'session_hash': self.session})}"
        if body is not None:
            if self.run:
                body = body.replace(self.script.token, self.run)
            body = json.dumps(json.loads(body) | {"session_hash": self.session})
        yield self._request(path, body, headers)

    def _request(
        self, path: str, body: str | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        method = "GET" if body is None else "POST"
        for again in (True, False):
            connection = self._connection()
            try:
                connection.request(method, path, body and body.encode(), headers)
                answer = connection.getresponse()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                connection.close()  # it was idle for too long; a browser opens another, too
                if not again:
                    raise
        for cookie in answer.headers.get_all("set-cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            host, port = self.address.hostname or "", self.address.port
            connection = http.client.HTTPConnection(host, port, timeout=LONGEST)
            self._own.connection = connection
            self._opened.append(connection)
        return connection


def told_place(queue: Any) -> bool:
    """Whether the field "queue" of an answer tells a place: {"place", "of", "seconds"}."""
    return (
        isinstance(queue, dict)
        and queue.keys() >= {"place", "of", "seconds"}
        and isinstance(queue["place"], int)
        and 1 <= queue["place"] <= queue["of"]
    )
