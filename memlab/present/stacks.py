"""Stacks as text, and as an icicle: callers above, what they called below, as wide as the bytes."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING

from memlab.model.memory import MemoryType
from memlab.model.stacks import Frame, Stack, Stacks
from memlab.present.colours import INK, TYPE_COLOURS
from memlab.units import counted, format_amount, format_bytes, format_seconds

if TYPE_CHECKING:
    import plotly.graph_objects as go

_SHOWN_STACKS, _SHOWN_FRAMES = 5, 12


def stacks_text(stacks: Stacks, name: str = "") -> str:
    """What is held by whom; biggest first, five of them."""
    who = f"{name} (pid {stacks.pid})" if name else f"pid {stacks.pid}"
    lines = [
        f"{stacks.engine} {stacks.version} was attached to {who} for {format_seconds(stacks.seconds)}",
        *filter(None, [_sum(stacks)]),
        "",
    ]
    for stack in stacks.stacks[:_SHOWN_STACKS]:
        lines += [*_stack(stack, stacks), ""]
    if (more := len(stacks.stacks) - _SHOWN_STACKS) > 0:
        rest = sum(stack.bytes for stack in stacks.stacks[_SHOWN_STACKS:])
        lines += [
            f"and {counted(more, 'stack')} more with {format_bytes(rest)} (--json has all)",
            "",
        ]
    for word, sentences in (
        ("lost", stacks.lost),
        ("doubt", stacks.doubts),
        ("note", stacks.notes),
    ):
        lines += [f"{word:<6}{sentence}" for sentence in sentences]
    return "\n".join(lines).rstrip()


def _sum(stacks: Stacks) -> str:
    if not stacks.stacks:
        said = "" if stacks.heaps else "nothing was taken that is still held"
    else:
        taken = [format_bytes(stacks.bytes)] if stacks.bytes else []
        taken.append(f"{stacks.count:,} in number")
        said = f"taken and not given back: {', '.join(taken)}, by {counted(len(stacks.stacks), 'stack')}"
    if stacks.growth is None:
        return said
    grown, residual = stacks.growth, stacks.residual or 0
    return (
        f"{said}\n{grown.source} grew by {format_amount(grown.amount, grown.unit)} meanwhile: "
        f"{format_amount(residual, grown.unit)} of it has no stack"
    )


def _stack(stack: Stack, stacks: Stacks) -> list[str]:
    share = f"{stack.bytes / stacks.bytes:.0%}  " if stacks.bytes else ""
    size = f"{format_bytes(stack.bytes)}  " if stack.bytes else ""
    ages = ""
    if stack.oldest_seconds is not None and stack.newest_seconds is not None:
        ages = f", {stack.newest_seconds:.1f} to {stack.oldest_seconds:.1f} s old"
    site = stack.site
    within = "" if stack.kernel is None else f", in the kernel {stack.kernel.function}"
    lines = [
        f"{share}{size}{stack.count} × {stack.of}: {'no stack' if site is None else site}{within}{ages}"
    ]
    shown = _around(stack.frames, site)
    lines += [f"    {'>' if frame is site else ' '} {frame}" for frame in shown]
    if len(stack.frames) > len(shown):
        lines.append(f"      … {counted(len(stack.frames) - len(shown), 'caller')} more")
    return lines


def _around(frames: tuple[Frame, ...], site: Frame | None) -> tuple[Frame, ...]:
    """From the first on, so far that the site and some callers are among them."""
    at = frames.index(site) if site in frames else 0
    return frames[: max(_SHOWN_FRAMES, at + 4)]


def icicle_figure(stacks: Stacks, title: str = "") -> go.Figure:
    """The outermost caller on top; a box as wide as what it and all it called hold, in bytes (or in number)."""
    import plotly.graph_objects as go

    in_bytes = stacks.bytes > 0
    values: dict[tuple[str, ...], int] = defaultdict(int)
    sites: set[tuple[str, ...]] = set()
    for stack in stacks.stacks:
        amount = stack.bytes if in_bytes else stack.count
        path: tuple[str, ...] = ("all",)
        values[path] += amount
        for frame in reversed(stack.frames):
            path = (*path, str(frame))
            values[path] += amount
            if frame is stack.site:
                sites.add(path)
    paths = [path for path, value in values.items() if value]
    words = [format_bytes(values[path]) if in_bytes else f"{values[path]:,}" for path in paths]
    colour = TYPE_COLOURS[MemoryType.PRIVATE_ANONYMOUS]
    figure = go.Figure(
        go.Icicle(
            ids=["/".join(path) for path in paths],
            parents=["/".join(path[:-1]) for path in paths],
            labels=[escape(path[-1]) for path in paths],
            values=[values[path] for path in paths],
            branchvalues="total",
            tiling={"orientation": "v"},
            text=words,
            textinfo="label+text",
            hovertemplate="%{label}<br>%{text}<extra></extra>",
            marker={
                "colors": [colour if path in sites else "rgba(128,128,128,.35)" for path in paths],
                "line": {"color": "rgba(128,128,128,.6)", "width": 1},
            },
        )
    )
    deepest = max((len(path) for path in paths), default=1)
    figure.update_layout(
        title=title.strip(),
        height=40 + 36 * deepest + (40 if title.strip() else 0),
        margin={"t": 50 if title.strip() else 10, "l": 10, "r": 10, "b": 10},
        paper_bgcolor="rgba(0,0,0,0)",
        font={"color": INK},
    )
    return figure


def stacks_html(stacks: Stacks, name: str = "") -> str:
    """One page: the icicle, then the text; opens without a network."""
    from memlab.present.page import figure_html, page

    text = f"<pre>{escape(stacks_text(stacks, name))}</pre>"
    drawn = ""
    if stacks.stacks:
        caption = "Each box is as wide as what it, and all it called, holds; the coloured ones asked for it."
        drawn = figure_html(icicle_figure(stacks), caption)
    title = f"{name or stacks.pid}: who holds it ({stacks.engine})"
    return page(title, f"<h1>{escape(title)}</h1>{drawn}{text}", "pre { white-space: pre-wrap; }")
