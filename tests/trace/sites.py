"""Engines on leakers: stepped by count while one is attached, and held against the ledger."""

import threading

from memlab.lab.experiment import start
from memlab.trace.watch import Watch
from tests.waiting import until

SECONDS = 15  # of tracing, at most


def traced(engine, name, lang, pattern=None, events=6, **options):
    """(stacks, ledger line) of a leaker that is started for this."""
    with start(name, lang, paused=True, **options) as leaker:
        return stepped(engine, leaker, pattern, events)


def stepped(engine, leaker, pattern=None, events=6):
    """As `traced`, of a leaker that is there: it is stepped once the engine is in, and the engine then let go."""
    ledger = []
    stacks = _while(lambda: ledger.append(leaker.step(events, seconds=60)), engine, leaker, pattern)
    return stacks, ledger[0]


def watched(engine, leaker, pattern=None, events=6):
    """As `stepped`, of a leaker that leaks by itself: until the ledger has so many events more.

    For an engine that gets in only while the process works.
    """
    begun, ended = [], []

    def count():
        begun.append(leaker.ledger[-1])
        until(lambda: leaker.ledger[-1]["count"] >= begun[0]["count"] + events)
        ended.append(leaker.ledger[-1])

    stacks = _while(count, engine, leaker, pattern)
    return stacks, begun[0], ended[0]


def _while(work, engine, leaker, pattern):
    """The stacks of an engine that is attached while `work` is done, and not for longer."""
    watch = Watch(SECONDS)

    def go():
        try:
            if watch.attached.wait(60):
                work()
        finally:
            watch.stop.set()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        return engine.trace(leaker.pid, watch, pattern)
    finally:
        watch.attached.set()
        thread.join(90)


def first_site(stacks):
    """`leak heap.c:17`: what is named first."""
    return str(stacks.stacks[0].site)
