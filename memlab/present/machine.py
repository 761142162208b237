"""The ledger of a machine as a table with its sum: what adds up, adds up before your eyes."""

from __future__ import annotations

from memlab.model.machine import Line, MachineLedger, ProcessTotals
from memlab.units import KIB, format_bytes


def machine_text(ledger: MachineLedger) -> str:
    """The lines, their parts, the unexplained rest, the sum; then what the rest may be.

    In kB, as in /proc/meminfo: rounded sizes would not add up. Lines of zero bytes are left out;
    fields that this kernel does not have are named.
    """
    lines = ledger_lines(ledger.lines)
    share = ledger.residual / ledger.total
    lines.append(table_line("unexplained", ledger.residual, f"{share:.2%} of MemTotal"))
    lines.append(table_line("= MemTotal", ledger.total))
    lines += ["", *_two_ways(ledger)]
    lacking = [line.formula for line in ledger.lines if line.bytes is None]
    if lacking:
        lines.append(f"  not told     {', '.join(lacking)}: this kernel has no such fields")
    lines += [f"  unexplained  {clue}" for clue in ledger.clues]
    return "\n".join(lines)


def ledger_lines(lines: tuple[Line, ...]) -> list[str]:
    """Rows of name, size and formula; parts are indented under their line."""
    rows = []
    for line in lines:
        if not line.bytes:
            continue
        rows.append(table_line(line.name, line.bytes, line.formula))
        rows += [
            table_line("  " + part.name, part.bytes, part.formula)
            for part in line.parts
            if part.bytes
        ]
    return rows


def table_line(name: str, size: int, note: str = "") -> str:
    """One row of a ledger, in kB."""
    return f"{name:<32}{size // KIB:>14,} kB   {note}".rstrip()


def _two_ways(ledger: MachineLedger) -> list[str]:
    """The kernel's machine-wide counters beside the sums over processes."""
    processes = ledger.processes
    if processes is None:
        return []
    anon, file, shmem = processes.pss_anon, processes.pss_file, processes.pss_shmem
    rows = [f"  processes    {_who(processes)}"]
    if anon is not None and ledger.anon_pages is not None:
        rows.append(_compared("AnonPages", ledger.anon_pages, "Pss_Anon", anon))
    if file is not None and shmem is not None and ledger.mapped is not None:
        rows.append(_compared("Mapped", ledger.mapped, "Pss_File + Pss_Shmem", file + shmem))
    return rows


def _who(processes: ProcessTotals) -> str:
    said = f"{processes.readable} read, Pss {format_bytes(processes.pss)} in sum"
    if processes.readable and processes.pss_anon is None:
        said += " (this kernel does not split it)"
    if processes.unread:
        said += (
            f"; {processes.unread} not: by statm {format_bytes(processes.unread_anonymous)} "
            f"anonymous and up to {format_bytes(processes.unread_shared)} shared"
        )
    return said


def _compared(name: str, kernel: int, source: str, ours: int) -> str:
    return (
        f"  two ways     {name} {format_bytes(kernel)}, {source} of those read "
        f"{format_bytes(ours)}: {format_bytes(kernel - ours)} apart"
    )
