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
    watch, ledger = Watch(SECONDS), []

    def leak():
        if watch.attached.wait(60):
            ledger.append(leaker.step(events, seconds=60))
        watch.stop.set()

    thread = threading.Thread(target=leak)
    thread.start()
    try:
        stacks = engine.trace(leaker.pid, watch, pattern)
    finally:
        watch.attached.set()
        thread.join(90)
    return stacks, ledger[0]


def watched(engine, leaker, pattern=None, events=6):
    """As `stepped`, of a leaker that leaks by itself: until the ledger has so many events more.

    For an engine that gets in only while the process works.
    """
    watch, begun, ended = Watch(SECONDS), [], []

    def count():
        if watch.attached.wait(60) and leaker.ledger:
            begun.append(leaker.ledger[-1])
            until(lambda: leaker.ledger[-1]["count"] >= begun[0]["count"] + events)
            ended.append(leaker.ledger[-1])
        watch.stop.set()

    thread = threading.Thread(target=count)
    thread.start()
    try:
        stacks = engine.trace(leaker.pid, watch, pattern)
    finally:
        watch.attached.set()
        thread.join(90)
    return stacks, begun[0], ended[0]


def first_site(stacks):
    """`leak heap.c:17`: what is named first."""
    return str(stacks.stacks[0].site)
