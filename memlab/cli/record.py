"""Record a process: the kernel's own words, instant by instant, in one file.

The file opens up to its last whole second whatever ends the recording: Ctrl-C, kill -9 or
a full disk. `memlab diagnose FILE` judges it later, on any machine; `tar xzf` unpacks it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memlab.cli import _types

if TYPE_CHECKING:
    from memlab.model.sample import Sample
    from memlab.observe.redact import Redactor
    from memlab.observe.sampler import Sampler


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PID, file and bounds."""
    parser.add_argument("pid", metavar="PID", type=_types.pid)
    parser.add_argument("-o", "--output", metavar="FILE", help="default memlab-PID-TIME.tar.gz")
    parser.add_argument(
        "--tree",
        action="store_true",
        help="its descendants too, each in a file of its own (FILE-PID.tar.gz)",
    )
    parser.add_argument(
        "--redact",
        action="store_true",
        help="numbers instead of names of paths, files, programs and users, as `memlab redact` makes them",
    )
    _types.add_sampling(parser, None)
    parser.add_argument(
        "--interval", type=_types.seconds, default=0.2, help="between samples (default 0.2)"
    )
    parser.add_argument(
        "--max-size", type=_types.size, default=256 << 20, help="stop at this size (default 256MiB)"
    )


def run(args: argparse.Namespace) -> int:
    """Sample into the file until told to stop."""
    from memlab.diagnose import step
    from memlab.observe.family import Family
    from memlab.observe.live import watch, watch_family
    from memlab.observe.sampler import Sampler
    from memlab.present.text import cost_text
    from memlab.session import CostMeter

    path = args.output or f"memlab-{args.pid}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
    bounds = {"budget": args.budget, "stall": args.stall}
    how = {"interval": args.interval, "seconds": args.seconds, "judge": step}
    files, meter = _Files(path, args), CostMeter()
    samples: Iterator[tuple[Sampler, Sample]]
    if args.tree:
        samples = watch_family(Family(args.pid, **bounds), **how)
    else:
        sampler = Sampler(args.pid, **bounds)
        samples = ((sampler, sample) for sample in watch(sampler, **how))
    try:
        for sampler, sample in samples:
            files.add(sampler, sample)
    except KeyboardInterrupt:
        pass  # the usual way to end a recording
    finally:
        files.close()
        if files.instants:  # of a name that is refused nothing was looked at for long
            print(cost_text(meter.cost(files.instants)))
    return 0


class _Files:
    """A recording for each process, the first one under the name that was asked for."""

    def __init__(self, path: str, args: argparse.Namespace) -> None:
        from memlab.observe.redact import Redactor

        self._path, self._args = path, args
        self._open: dict[int, _File] = {}
        self._redactor = Redactor() if args.redact else None

    def add(self, sampler: Sampler, sample: Sample) -> None:
        if sampler.pid not in self._open:
            path = self._path
            if self._open:
                path = f"{path.removesuffix('.tar.gz')}-{sampler.pid}.tar.gz"
            self._open[sampler.pid] = _File(path, sampler, self._args, self._redactor)
        self._open[sampler.pid].add(sample)

    @property
    def instants(self) -> int:
        """Of all processes."""
        return sum(file.count for file in self._open.values())

    def close(self) -> None:
        for file in self._open.values():
            file.close()


class _File:
    """One recording, and what to say of it in the end."""

    def __init__(
        self, path: str, sampler: Sampler, args: argparse.Namespace, redactor: Redactor | None
    ) -> None:
        from memlab.observe.files import RecordingWriter

        names = ("seconds", "interval", "budget", "stall")
        asked = {name: getattr(args, name) for name in names}
        self._path, self._sampler, self._args = path, sampler, args
        self._redactor, header = redactor, sampler.header(asked)
        if redactor is not None:
            header = redactor.header(header)
        self._writer = RecordingWriter(path, header, cap_bytes=args.max_size)
        self._first = self._last = 0.0
        self.count = self._looks = 0

    def add(self, sample: Sample) -> None:
        self._writer.add(sample if self._redactor is None else self._redactor.sample(sample))
        self._last = sample.monotonic
        if not self.count:
            self._first = self._last
        self.count += 1
        self._looks += sample.has_mappings

    def close(self) -> None:
        from memlab.units import format_seconds

        self._writer.close()
        lasted, sampler, args = self._last - self._first, self._sampler, self._args
        print(
            f"{self._path}: {self.count} instants in {format_seconds(lasted)}"
            f" of pid {sampler.pid} ({sampler.comm}), its mappings in {self._looks} of them"
        )
        if args.seconds is not None and lasted < args.seconds - 2 * args.interval:
            print(f"memlab record: it ended after {format_seconds(lasted)}", file=sys.stderr)
