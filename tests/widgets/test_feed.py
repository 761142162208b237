"""What goes to the browser, and when."""

from __future__ import annotations

import itertools
import threading

from memlab.widgets.feed import Feed
from tests.waiting import until


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Line:
    """The other end: what was sent, as (first row, row after the last)."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.rows = 0
        self.sent: list[tuple[int, int]] = []
        self.feed = Feed(self.send, clock) if clock else Feed(self.send)

    def send(self, start: int) -> int:
        self.sent.append((start, self.rows))
        return self.rows

    def grow(self, rows: int = 1) -> None:
        self.rows += rows
        self.feed.grown(self.rows)


def test_nothing_goes_to_nobody() -> None:
    line = Line()
    line.grow(10)
    assert line.sent == []


def test_a_burst_goes_in_two_increments_and_nothing_is_lost() -> None:
    line = Line()
    line.feed.hello(0)
    for _ in range(500):
        line.grow()
    line.feed.acknowledge(line.sent[-1][1])
    until(lambda: line.sent[-1][1] == 500)
    assert line.sent[0] == (0, 1)
    assert [start for start, _ in line.sent[1:]] == [end for _, end in line.sent[:-1]]
    # 500 rows within some milliseconds: the first one at once, the rest 100 ms later;
    # on a machine that stalls for 100 ms and more there may be one more
    assert len(line.sent) <= 5


def test_without_an_answer_pauses_double_and_then_it_is_silent() -> None:
    clock = Clock()
    line = Line(clock)
    line.feed.hello(0)
    moments = []
    for _tenth in range(2000):  # 200 seconds
        before = len(line.sent)
        line.grow()
        if len(line.sent) > before:
            moments.append(clock.now)
        clock.now += 0.1
    line.feed.close()
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert all(later >= 1.5 * earlier for earlier, later in itertools.pairwise(gaps[3:]))
    assert len(line.sent) <= 12
    assert 200 - (moments[-1] - 1000) > 64, "it should have given up long ago"


def test_an_answer_wakes_it_and_what_was_held_back_goes_in_one_piece() -> None:
    clock = Clock()
    line = Line(clock)
    line.feed.hello(0)
    for _tenth in range(2000):
        line.grow()
        clock.now += 0.1
    last = line.sent[-1][1]
    clock.now += 60
    line.feed.acknowledge(last)
    assert line.sent[-1] == (last, 2000)
    line.feed.close()


def test_many_threads_send_no_row_twice() -> None:
    line, lock = Line(), threading.Lock()
    line.feed.hello(0)

    def grow() -> None:
        for _ in range(200):
            with lock:
                line.rows += 1
                rows = line.rows
            line.feed.grown(rows)

    threads = [threading.Thread(target=grow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def all_there() -> bool:
        line.feed.acknowledge(line.sent[-1][1])
        return line.sent[-1][1] == 800

    until(all_there)
    assert [start for start, _ in line.sent[1:]] == [end for _, end in line.sent[:-1]]
