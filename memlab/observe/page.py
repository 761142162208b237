"""Looks at one page of a process, beside what a sample holds already."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from memlab.errors import Denied, Gone, Unsupported
from memlab.model.sample import Sample
from memlab.model.translate import CPUINFO, CPUINFO_BYTES
from memlab.procfs import kpage, pagemap
from memlab.procfs.host import Host, Tee


def look_at_page(sample: Sample, address: int, host: Host | None = None) -> Sample:
    """The sample with the page of `address`: its pagemap entry, and what root may know of its frame.

    A refusal is kept like the answers. The page is read now, later than the rest of the sample.
    """
    tee = Tee(host or Host())
    tee.texts = replace(
        sample.texts, files=dict(sample.texts.files), calls=list(sample.texts.calls)
    )
    with suppress(Denied, Unsupported, Gone):
        tee.read_at(CPUINFO, 0, CPUINFO_BYTES)
    with suppress(Denied, Unsupported):
        pfn = pagemap.read(tee, sample.pid, address).pfn
        if pfn is not None:
            kpage.read_flags(tee, pfn)
            kpage.read_count(tee, pfn)
    return replace(sample, texts=tee.texts)
