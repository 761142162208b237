"""slabinfo, buddyinfo, zoneinfo, swaps, pressure, kmemleak."""

from __future__ import annotations

from typing import Final

SLABINFO: Final = """
@ mm/slab_common.c, cache_show; slabinfo(5)
name | text | the cache: one kind of kernel object, or kmalloc-N for unnamed ones of up to N bytes
active_objs | count | objects in use
num_objs | count | objects that there is room for
objsize | bytes | size of one object, padding included
objperslab | count | objects in one slab
pagesperslab | count | pages in one slab
limit | count | tuning of the old SLAB allocator; 0 with SLUB
batchcount | count | tuning of the old SLAB allocator; 0 with SLUB
sharedfactor | count | tuning of the old SLAB allocator; 0 with SLUB
active_slabs | count | slabs with an object in use
num_slabs | count | slabs: times pagesperslab is the memory that the cache takes
sharedavail | count | 0 with SLUB
"""

BUDDYINFO: Final = """
@ mm/vmstat.c, frag_show; proc.rst "buddyinfo"
node | count | memory node
zone | text | DMA: the first 16 MiB, DMA32: below 4 GiB, Normal: the rest, Movable: what can be moved away
order 0 | count | free blocks of one page
order * | count | free blocks of 2^order pages that hang together
"""

ZONEINFO: Final = """
@ mm/vmstat.c, zoneinfo_show_print
pages free | pages | free pages of the zone
boost | pages | added to the marks after fragmentation, for a while
min | pages | below this only the kernel's most urgent allocations succeed
low | pages | below this kswapd wakes and reclaims
high | pages | up to this kswapd goes on
promo | pages | the mark for promotion to faster memory
spanned | pages | from the zone's first page to its last, holes included
present | pages | without the holes
managed | pages | without what the kernel took at boot: what the zone can give
cma | pages | set aside for contiguous allocations
protection | text | pages kept back from allocations that could use higher zones
count | count | free pages on this processor's own list
high: | count | at most so many on it
batch | count | moved at once
high_min | count | bounds of the self-tuning high
high_max | count | bounds of the self-tuning high
vm stats threshold | count | how far a processor's own counts may lag behind
node_unreclaimable | flag | 1: reclaim has given up on this node
start_pfn | count | number of the zone's first page
cpu | count | the processor whose own list of free pages follows
"""

SWAPS: Final = """
@ mm/swapfile.c, swap_show; proc.rst "swaps"
Filename | text | the device or file
Type | text | partition or file
Size | kB | how large it is
Used | kB | what of it is used
Priority | count | higher is used first; equal ones take turns
"""

PSI: Final = """
@ kernel/sched/psi.c; Documentation/accounting/psi.rst
some | text | share of time in which at least one task waited for the resource
full | text | share of time in which all tasks that could work waited at once: nothing got done
avg10 | % | the mean over the last 10 seconds
avg60 | % | the mean over the last minute
avg300 | % | the mean over the last five minutes
total | us | all waiting time since boot
"""

KMEMLEAK: Final = """
@ mm/kmemleak.c, print_unreferenced; Documentation/dev-tools/kmemleak.rst
unreferenced object | text | address of a block that the kernel allocated and that nothing points to any more
size | bytes | its size as asked for
comm | text | the command that ran when it was allocated; not always the one to blame
pid | count | its task
jiffies | count | when, in timer ticks after boot
age | text | how long ago, at the time of printing
hex dump | text | its first bytes: strings and pointers in it may tell what it is
backtrace | text | who asked for it, innermost first: the allocation site to look at
crc | text | checksum of the object's content; an object that still changes is not reported
"""
