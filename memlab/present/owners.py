"""Who holds shared memory, as a table, and the ledger up to meminfo's Shmem."""

from __future__ import annotations

from memlab.model.owners import DELETED, Holder, Owners, SharedObject
from memlab.present.machine import ledger_lines, table_line
from memlab.units import format_bytes

_HEADER = f"{'takes':>10}  {'kind':<17}{'state':<16}what, and who holds it"
_MOST_HOLDERS = 4


def owners_text(found: Owners, pid: int | None = None, top: int = 20) -> str:
    """The largest objects; then, for the whole machine, the ledger. With `pid` what it holds."""
    objects = found.objects if pid is None else found.of(pid)
    takes = [thing for thing in objects if thing.bytes]
    if pid is not None and not objects:
        return "\n".join(
            [f"process {pid} holds no shared memory that we can see"]
            + [f"  not seen     {remark}" for remark in found.remarks]
        )
    lines = [_HEADER, *(_object_line(thing) for thing in takes[:top])]
    rest = takes[top:]
    if rest:
        lines.append(f"{_size(sum(o.bytes for o in rest)):>10}  in {len(rest)} more")
    empty = len(objects) - len(takes)
    if empty:
        lines.append(f"{'0 B':>10}  in {empty} that take nothing")
    if pid is None:
        lines += ["", *_ledger(found)]
    lines += [f"  not seen     {remark}" for remark in found.remarks]
    return "\n".join(lines)


def _size(count: int) -> str:
    return format_bytes(count)


def _object_line(thing: SharedObject) -> str:
    size = _size(thing.bytes) if thing.allocated is not None else f">{_size(thing.bytes)}"
    name = thing.name.removesuffix(DELETED) + f" (inode {thing.inode})"
    length = thing.length
    sparse = length is not None and length >= 2 * max(thing.bytes, 1 << 20)
    note = f", {_size(length or 0)} long" if sparse else ""
    return f"{size:>10}  {thing.kind:<17}{thing.state:<16}{name}{note}{_holders(thing)}"


def _holders(thing: SharedObject) -> str:
    said = [_holder(holder) for holder in thing.holders[:_MOST_HOLDERS]]
    if len(thing.holders) > _MOST_HOLDERS:
        said.append(f"{len(thing.holders) - _MOST_HOLDERS} more")
    if thing.attached and not thing.holders:
        said.append(f"{thing.attached} attachments of processes that we may not read")
    return ": " + "; ".join(said) if said else ""


def _holder(holder: Holder) -> str:
    how = [f"fd {', '.join(map(str, holder.fds[:3]))}{'…' if len(holder.fds) > 3 else ''}"] * bool(
        holder.fds
    )
    if holder.mapped:
        how.append(f"maps {_size(holder.mapped)}")
    return f"{holder.comm} ({holder.pid}) {' and '.join(how)}"


def _ledger(found: Owners) -> list[str]:
    lines = ledger_lines(found.lines)
    if found.residual is None or found.shmem is None:
        return [*lines, "this kernel has no Shmem in meminfo: nothing to compare with"]
    lines.append(table_line("unexplained", found.residual))
    lines.append(table_line("= Shmem", found.shmem))
    return [*lines, "", *(f"  unexplained  {clue}" for clue in found.clues)]
