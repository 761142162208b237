"""Holds a sysctl at a value until its standard input ends: python sysctl_holder.py KEY VALUE."""

import sys

from memlab.errors import MemlabError
from memlab.lab.sysctl import changed


def main(key, value):
    """What it is told comes to stdout, with "held" between; a refusal as the command line would say it."""
    try:
        with changed(key, value, lambda words: print(words, flush=True)):
            print("held", flush=True)
            sys.stdin.read()
    except MemlabError as error:
        print(f"{type(error).__name__}: {error}", flush=True)


main(*sys.argv[1:])
