"""ioctl PAGEMAP_SCAN on /proc/PID/pagemap: runs of like pages (fs/proc/task_mmu.c; pagemap.rst). Linux 6.7.

Zero pages and guards have categories of their own here; pagemap's entries do not tell zero pages.
"""

from __future__ import annotations

import numpy as np

from memlab.errors import Unsupported
from memlab.procfs.host import Host
from memlab.procfs.page_runs import Category, PageRuns
from memlab.procfs.tree import Spans

_ANY_OF = Category.PRESENT | Category.SWAPPED
_OF_6_7 = _ANY_OF | Category.FILE | Category.PFNZERO | Category.HUGE
_OF_6_15 = _OF_6_7 | Category.GUARD


def read(host: Host, pid: int | str, spans: Spans) -> PageRuns:
    """The pages in these spans of addresses that are present or swapped.

    Raises Unsupported where the kernel has no such ioctl, Denied for the process of another user.
    """
    path = f"/proc/{pid}/pagemap"
    try:  # GUARD came with 6.15, and a kernel refuses what it does not know
        found, knows_guards = host.scan(path, spans, _ANY_OF, _OF_6_15), True
    except Unsupported:
        found, knows_guards = host.scan(path, spans, _ANY_OF, _OF_6_7), False
    runs = np.frombuffer(found, dtype=np.uint64).reshape(-1, 3)
    return PageRuns(runs[:, 0], runs[:, 1], runs[:, 2], knows_guards)
