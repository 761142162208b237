"""No leaker of the bank: a program that does what a leaker must not, to see the box hold it.

Always: starts children that try to get away, into other sessions, and as orphans. Then, as asked:
`greedy` takes memory without end, `many` does so in its children, `files` writes many files on
tmpfs, `comet` flees by forking and ending as fast as it can, `loud` complains and ends with 2.
"""

import json
import os
import sys
import time

ready = {"event": "ready", "pid": os.getpid(), "name": "forking"}
does = sys.argv[1] if len(sys.argv) > 1 else ""


def take_memory(mebibytes=1 << 20):
    kept = []
    for _ in range(mebibytes):
        kept.append(bytearray(b"x") * (1 << 20))
        time.sleep(0.002)
    sleep()


def sleep():
    while True:
        time.sleep(60)


for _ in range(2):
    if os.fork() == 0:
        os.setsid()  # another session
        if os.fork() == 0:  # and an orphan
            sleep()
        os._exit(0)
if does == "many":
    for _ in range(10):
        if os.fork() == 0:
            take_memory(16)  # none of them too much
if does == "comet" and os.fork() == 0:
    while True:
        if os.fork():
            os._exit(0)
os.write(1, json.dumps(ready).encode() + b"\n")
if does == "greedy":
    take_memory()
if does == "files":
    for number in range(256):  # none of them too large
        with open(os.path.join(os.environ["MEMLAB_TMPFS"], str(number)), "wb") as file:
            file.write(b"x" * (1 << 20))
        time.sleep(0.002)
if does == "loud":
    os.write(2, b"first words\n" + b"more words\n" * 20_000 + b"last words\n")
    sys.exit(2)
sleep()
