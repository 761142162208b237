"""The price of a slow console as a table, in Markdown, and as a figure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from memlab.model.console import Cell, Measured
from memlab.model.printk import serial_seconds
from memlab.present.colours import LINE_COLOURS
from memlab.present.figures import bare_figure
from memlab.units import MIB, counted, format_seconds

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEAD = (
    "baud", "console loglevel", "oom_dump_tasks", "the report takes", "everybody else waits",
    "console", "dmesg", "syslog's file", "killed, on the console",
)  # fmt: skip
_NARROW = ("baud", "level", "table", "report", "others wait", "console", "dmesg", "file", "victim")


def console_rows(found: Measured) -> tuple[tuple[str, ...], ...]:
    """The cells of the table as text, with their head."""
    return (_HEAD, *(_row(cell) for cell in found.cells))


def _row(cell: Cell) -> tuple[str, ...]:
    return (
        f"{cell.baud:,}",
        str(cell.loglevel),
        str(cell.dump_tasks),
        _short(cell.report_seconds),
        _short(cell.stall_seconds),
        f"{cell.console_lines} of {cell.lines} lines",
        counted(cell.lines, "line"),
        "all of it"
        if cell.file_lines == cell.lines
        else f"{cell.file_lines} of {cell.lines} lines",
        "named" if cell.victim_on_console else "not named",
    )


def _short(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else format_seconds(seconds)


def console_text(found: Measured) -> str:
    """For a terminal: the table in narrow columns, and the trade below."""
    rows = [_NARROW, *(_row(cell) for cell in found.cells)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_NARROW))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    sentences = [textwrap.fill(one, 96, subsequent_indent="  ") for one in trade(found)]
    legend = (
        "level: the console's loglevel; table: vm.oom_dump_tasks; others wait: the longest stall"
    )
    return "\n".join([about(found), legend, "", *lines, "", *sentences])


def about(found: Measured) -> str:
    """What was measured, in one sentence."""
    return (
        f"A global OOM report of a guest (Linux {found.kernel}, {found.memory // MIB} MiB, "
        f"{counted(found.cpus, 'CPU')}, {found.crowd} sleeping processes), again and again."
    )


def trade(found: Measured) -> Iterator[str]:
    """What each setting buys and what it loses, with the figures of this table."""
    for baud in sorted({one.baud for one in found.cells}, reverse=True):
        loud, quiet = found.cell(baud, 7, 1), found.cell(baud, 4, 1)
        if loud and quiet:
            yield (
                f"At {baud:,} baud everybody waits {_short(loud.stall_seconds)} for one report at loglevel 7, and "
                f"{_short(quiet.stall_seconds)} at 4: {loud.console_bytes:,} characters take "
                f"{_short(serial_seconds(loud.console_bytes, baud))} on that line, whatever the machine."
            )
    yield (
        "What a lower loglevel loses: nothing in dmesg and nothing in the file. It loses the console's copy, which "
        "counts when the machine dies before the file is on disk: at 5 it still has who asked, the stack and the "
        "memory counts, at 4 only who was killed, at 3 nothing."
    )
    yield (
        "What oom_dump_tasks=0 loses: the table of processes, in every place. Nobody can then say who else was "
        "there, or who would have been next."
    )


def console_markdown(found: Measured, command: str) -> str:
    """The whole document."""
    head, *rows = console_rows(found)
    table = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    table += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([
        "# What a slow console costs", "",
        f"Made by `{command}`.", about(found),
        "The serial line takes its time for each character (ten bits); the kernel waits for it while it prints.", "",
        *table, "",
        "*the report takes*: from `invoked oom-killer` to `Killed process`, by the kernel's own time stamps.",
        "*everybody else waits*: the longest time for which a process that wants to wake up each millisecond did not.",
        "*syslog's file*: what klogd and syslogd (busybox) carried from the ring buffer into a file meanwhile.", "",
        f"What takes less than a second was measured {counted(found.times, 'time')}, and the least is shown: what else",
        "the machine below QEMU does only adds to it.", "",
        *(f"- {sentence}" for sentence in trade(found)), "",
    ])  # fmt: skip


def console_figure(found: Measured) -> go.Figure:
    """How long everybody else waits, on a logarithmic axis: a group of bars for each setting, a bar for each speed."""
    figure = bare_figure("", None)
    bauds = sorted({one.baud for one in found.cells}, reverse=True)
    settings = list(dict.fromkeys((one.loglevel, one.dump_tasks) for one in found.cells))
    names = [_setting(*one) for one in settings]
    for baud, colour in zip(bauds, LINE_COLOURS, strict=False):
        cells = [found.cell(baud, *one) for one in settings]
        figure.add_bar(
            y=names,
            x=[one.stall_seconds if one else None for one in cells],
            text=[_short(one.stall_seconds) if one else "" for one in cells],
            textposition="outside",
            cliponaxis=False,
            name=f"{baud:,} baud",
            orientation="h",
            marker_color=colour,
        )
    figure.update_layout(
        barmode="group", height=120 + 50 * len(names), margin_l=190, margin_r=70,
        xaxis_title="everybody else waits, in seconds (logarithmic)",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "traceorder": "normal"},
    )  # fmt: skip
    figure.update_xaxes(type="log", dtick=1, exponentformat="none", range=[-3, 2])
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _setting(loglevel: int, dump_tasks: int) -> str:
    return f"loglevel {loglevel}" + ("" if dump_tasks else ", no table")
