"""What lies behind the descriptors of a process, as accounts: those of one process, of a part of this recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from memlab.diagnose.account import Account
from memlab.diagnose.descriptors import descriptor_accounts, descriptor_evidence, memory_evidence
from memlab.diagnose.evidence import NEXT
from memlab.diagnose.machine.who import Who
from memlab.diagnose.outside import (
    BPF_MAPS,
    GROUP_KERNEL,
    outside_accounts,
    outside_evidence,
    outside_next,
)
from memlab.diagnose.sums import Part
from memlab.model.holdings import part_of
from memlab.model.memory import Pattern
from memlab.model.recording import Recording


def behind(recording: Recording, who: Who) -> Iterator[Part]:
    """Memory files, BPF maps, and kernel memory where its memory cgroup is its own; of who was looked at closer."""
    for pid in _looked_at(recording):
        seen = part_of(recording, pid)
        accounts = [one for one in descriptor_accounts(seen) if one.pattern is Pattern.MEMFD]
        accounts += [
            one for one in outside_accounts(seen) if one.source in (BPF_MAPS, GROUP_KERNEL)
        ]
        for account in accounts:
            yield _part(seen, who, pid, account)


def _looked_at(recording: Recording) -> list[int]:
    """By their descriptors, which nothing else reads."""
    lists = (
        call.path
        for sample in recording
        for call in sample.texts.calls
        if call.kind == "listdir" and call.path.endswith("/fd") and call.path.startswith("/proc/")
    )
    return list(dict.fromkeys(int(path.split("/")[2]) for path in lists))


def _part(seen: Recording, who: Who, pid: int, account: Account) -> Part:
    born = bool(who.looks) and pid not in who.looks[0].held
    own = replace(account, where=f"{who(pid)}: {account.where}")
    if account.pattern is Pattern.MEMFD:
        then = NEXT[Pattern.MEMFD].format(pid=pid)
        return Part(
            own, then, pid=pid, born=born, evidence=lambda: memory_evidence(seen, account.pattern)
        )

    def evidence() -> Iterator[str]:
        yield from outside_evidence(seen, account)
        yield from descriptor_evidence(seen)

    return Part(own, outside_next(seen, account), pid=pid, born=born, evidence=evidence)
