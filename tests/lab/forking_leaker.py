"""No leaker of the bank: starts children that try to get away, then leaks past its cap if asked."""

import json
import os
import sys
import time

for _ in range(2):
    if os.fork() == 0:
        os.setsid()  # another session
        if os.fork() == 0:  # and an orphan
            while True:
                time.sleep(60)
        os._exit(0)
os.write(1, json.dumps({"event": "ready", "pid": os.getpid(), "name": "forking"}).encode() + b"\n")
kept = []
while "greedy" in sys.argv:
    kept.append(bytearray(b"x") * (1 << 20))
    time.sleep(0.002)
while True:
    time.sleep(60)
