"""An OOM report on its way into a file: given to an rsyslog of the lab, and read back from what that wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from memlab.errors import MemlabError, Unsupported
from memlab.lab.paths import notebooks_folder
from memlab.lab.syslogd import RULES, Syslog
from memlab.model.logged import Kept, Messages, kept, messages
from memlab.procfs import kmsg, oom_report
from memlab.procfs.oom import prefix
from memlab.procfs.oom_report import Report

SHIPPED = "recordings/oom-report.kmsg.txt"
_PART = 1 << 24  # bytes of a log that are sent: a report of some 200,000 tasks


@dataclass(frozen=True)
class Delivered:
    """What was sent, by which way ("imklog" from a pipe, "imkmsg" from this machine's ring buffer), what came.

    texts: each file as rsyslog wrote it, by name.
    """

    way: str
    sent: Messages
    reports: tuple[Report, ...]
    files: tuple[Kept, ...]
    texts: dict[str, bytes]


def shipped_report() -> bytes:
    """The recorded report that comes with memlab: /dev/kmsg of a Linux 6.18 with a memory cgroup at its limit."""
    return (notebooks_folder() / SHIPPED).read_bytes()


def deliver(text: bytes, say: Callable[[str], object] = print) -> Delivered:
    """Send the kernel messages of a log to rsyslog. Raises Unsupported without rsyslog or without a report."""
    reports = oom_report.parse(text[:_PART])
    if not reports:
        raise Unsupported("there is no OOM report in it", "hand over a kernel log that has one")
    sent = messages(text[:_PART])
    with Syslog() as syslog:
        say(_about(syslog))
        syslog.send(sent.lines)
        texts = {name: syslog.text(name) for name in RULES}
    return _held("imklog", sent, reports, texts)


def deliver_own(say: Callable[[str], object] = print) -> Delivered:
    """Let rsyslog read this machine's ring buffer; its imkmsg passes over the very first message (8.2302).

    Raises Denied where it may not be read, Unsupported as `deliver`.
    """
    if not oom_report.kmsg().reports:
        raise Unsupported(
            "the ring buffer of this machine holds no OOM report", "name a FILE, or leave it out"
        )
    with Syslog(own_kernel=True) as syslog:
        say(_about(syslog))
        # now, for to start it makes the kernel say something, which pushes older messages out
        text = b"\n".join(record.partition(b"\n")[0] for record in kmsg.records()) + b"\n"
        reports, sent = oom_report.parse(text), messages(text)
        last = prefix.without(sent.lines[-1].text)[1].encode()

        def is_there() -> bool:
            written = syslog.text("kern.log")
            return last in written and len(oom_report.parse(written)) >= len(reports)

        syslog.wait_for(is_there)
        texts = {name: syslog.text(name) for name in RULES}
    return _held("imkmsg", sent, reports, texts)


def deliver_or_recorded(say: Callable[[str], object] = print) -> Delivered:
    """The shipped report through rsyslog; where that cannot run, what it wrote of it on another machine, and why."""
    text = shipped_report()
    try:
        return deliver(text, say)
    except MemlabError as error:
        say(f"{error}. Below is what rsyslog wrote of this report elsewhere.")
    folder = notebooks_folder() / "recordings"
    texts = {name: (folder / f"oom-report.{name}").read_bytes() for name in RULES}
    return _held("imklog", messages(text), oom_report.parse(text), texts)


def _held(
    way: str, sent: Messages, reports: tuple[Report, ...], texts: dict[str, bytes]
) -> Delivered:
    files = tuple(
        kept(name, RULES[name], text, sent.lines, reports, oom_report.parse(text)[: len(reports)])
        for name, text in texts.items()
    )
    return Delivered(way, sent, reports, files, texts)


def _about(syslog: Syslog) -> str:
    said = subprocess.run([syslog.program, "-v"], capture_output=True, text=True).stdout
    version = " ".join(said.split()[:2]) or syslog.program
    return f"{version}, pid {syslog.pid}, with its own socket and files in {syslog.folder}"
