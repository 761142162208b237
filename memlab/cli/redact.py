"""Take names out of recordings, so that they can be shared: paths, files, programs, users, the boot.

Each FILE is written anew as NAME-redacted.tar.gz beside it. A name becomes a number, the same one in
all files of one call; which is which is not kept. The verdict stays the same. Give all recordings of
one process in one call, else `memlab diagnose` cannot know that they belong together.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The recordings."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="recordings (run.tar.gz)")


def run(args: argparse.Namespace) -> int:
    """Redact each, with one table of names for all."""
    from memlab.observe.files import open_recording, save_recording
    from memlab.observe.redact import Redactor

    redactor = Redactor()
    for path in args.files:
        recording = redactor.recording(open_recording(path))
        written = f"{path.rstrip('/').removesuffix('.tar.gz')}-redacted.tar.gz"
        save_recording(recording, written)
        print(f"{written}: {len(recording)} instants")
    if redactor.left_out:
        print(f"left out, for who knows what they name: {', '.join(sorted(redactor.left_out))}")
    return 0
