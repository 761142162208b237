"""The report of the out-of-memory killer, and the memory.stat of a cgroup that stands in it."""

from __future__ import annotations

from typing import Final

INVOKED: Final = """
@ mm/oom_kill.c, dump_header
invoked | text | the process that asked for memory when there was none; not necessarily the one that took it,
  nor the victim
gfp_mask | text | what kind of memory was asked for, and how hard to try
order | count | 2^order pages that hang together were asked for; 0 is a single page
oom_score_adj | count | of the process that asked: -1000 never killed, 1000 killed first
oomkilladj | count | the old oom_adj of the process that asked (before Linux 2.6.36), -17 to 15
"""

GFP: Final = """
@ include/linux/gfp_types.h
GFP_KERNEL | flag | memory for the kernel itself; may wait, reclaim and write to disk
GFP_KERNEL_ACCOUNT | flag | the same, counted in the cgroup
GFP_USER | flag | memory for a program that the kernel uses too
GFP_HIGHUSER | flag | memory for a program
GFP_HIGHUSER_MOVABLE | flag | memory for a program that may be moved later: a page fault of a process
GFP_NOFS | flag | may not call file systems while reclaiming
GFP_NOIO | flag | may not start disk work while reclaiming
GFP_ATOMIC | flag | may not wait
GFP_TRANSHUGE | flag | a transparent huge page
GFP_TRANSHUGE_LIGHT | flag | a transparent huge page, without reclaiming for it
GFP_DMA | flag | memory that old devices can reach
GFP_DMA32 | flag | memory below 4 GiB
GFP_NOWAIT | flag | may not wait, and may fail
__GFP_COMP | flag | pages that belong together
__GFP_ZERO | flag | filled with zeros
__GFP_NORETRY | flag | rather fail than try again
__GFP_RETRY_MAYFAIL | flag | try hard, then fail
__GFP_NOFAIL | flag | may not fail
__GFP_NOWARN | flag | no message when it fails
__GFP_HARDWALL | flag | only from the nodes that the cpuset allows
__GFP_WRITE | flag | the page will be written
__GFP_ACCOUNT | flag | counted in the cgroup
__GFP_MOVABLE | flag | may be moved later
__GFP_HIGHMEM | flag | may lie beyond the direct map
__GFP_RECLAIM | flag | may reclaim
__GFP_IO | flag | may start disk work
__GFP_FS | flag | may call file systems
"""

MEM_INFO: Final = """
@ mm/show_mem.c (mm/page_alloc.c before 6.4), show_free_areas
active_anon | pages | anonymous memory and shmem used lately
inactive_anon | pages | anonymous memory and shmem not used lately
isolated_anon | pages | of those, off the lists right now
isolated(anon) | pages | of those, off the lists right now
active_file | pages | page cache used lately
inactive_file | pages | page cache not used lately
isolated_file | pages | of those, off the lists right now
isolated(file) | pages | of those, off the lists right now
active | pages | memory used lately
inactive | pages | memory not used lately
unevictable | pages | what reclaim may not take: mlock, ramfs
dirty | pages | page cache not yet on disk
writeback | pages | page cache being written
unstable | pages | NFS pages not yet safe on the server
slab | pages | kernel objects
slab_reclaimable | pages | kernel objects that can be dropped
slab_unreclaimable | pages | kernel objects that cannot be dropped
mapped | pages | page cache and shared memory mapped by processes
shmem | pages | tmpfs and shared memory: killing its user need not free it
shmem_thp | pages | shared memory in huge pages
shmem_pmdmapped | pages | shared memory mapped by huge pages
anon_thp | pages | anonymous memory in huge pages
pagetables | pages | page tables
sec_pagetables | pages | page tables of virtual machines and IOMMUs
bounce | pages | copies for old devices
kernel_misc_reclaimable | pages | other kernel memory that can shrink
kernel_stack | pages | kernel stacks
shadow_call_stack | pages | arm64's second kernel stacks
writeback_tmp | pages | FUSE's pages on their way out
free | pages | free pages
free_pcp | pages | free pages on the processors' own lists
local_pcp | pages | of those, on the list of the processor that reports
free_cma | pages | free pages set aside for contiguous allocations
free_highatomic | pages | free pages kept for urgent allocations
boost | pages | added to the marks for a while, after fragmentation
min | pages | the mark below which only urgent kernel allocations succeed
low | pages | the mark below which kswapd wakes
high | pages | the mark up to which kswapd goes on
reserved_highatomic | pages | kept for urgent allocations of more than a page
writepending | pages | dirty, or being written
present | pages | pages of the zone
managed | pages | pages of the zone that it can give
mlocked | pages | held by mlock
balloon | pages | given back to the host
gpu_active | pages | held by graphics drivers
gpu_reclaim | pages | held by graphics drivers, can be given back
zspages | pages | compressed swap pages
pages_scanned | count | pages that reclaim looked at since something was freed
all_unreclaimable? | text | yes: reclaim has given up on this node
lowmem_reserve | text | pages that each zone keeps back from allocations that could use a higher zone
order N | count | free blocks by size; letters: U unmovable, M movable, E reclaimable, H for urgent use, C
  contiguous
total pagecache pages | pages | page cache, shmem included
pages in swap cache | pages | in memory and in swap at once
Free swap | kB | unused swap
Total swap | kB | size of all swap
pages RAM | pages | all memory of the machine
pages of RAM | pages | all memory of the machine
pages HighMem/MovableOnly | pages | memory that the kernel itself may not use
pages reserved | pages | never given to the allocator
pages cma reserved | pages | set aside for contiguous allocations
pages hwpoisoned | pages | out of use after hardware errors
Swap cache | text | pages put into the swap cache, taken out, and found there, since boot
hugepages_total | count | reserved huge pages of this node
hugepages_free | count | of those, unused
hugepages_surp | count | beyond the pool's size
hugepages_size | kB | size of one
hi | count | a processor's own list of free pages: at most so many
btch | count | moved at once
usd | count | on the list now
"""

TASKS: Final = """
@ mm/oom_kill.c, dump_task
pid | count | the process (one line for each, threads are not listed)
uid | count | its user
tgid | count | the process again
total_vm | pages | address space, touched or not
rss | pages | in memory: what killing it could free
rss_anon | pages | the anonymous part of rss
rss_file | pages | the file part of rss
rss_shmem | pages | the shared memory part of rss: killing may not free it
nr_ptes | count | pages of page tables (before 4.15)
nr_pmds | count | pages of second-level page tables (before 4.15)
pgtables_bytes | bytes | page tables
swapents | pages | its pages in swap: they count for the choice too
oom_score_adj | count | -1000 never killed, 1000 killed first; a thousandth of the memory in question is
  added for each point
cpu | count | the processor (before 2.6.39)
oom_adj | count | the old form of oom_score_adj
name | text | the command's name
"""

KILL: Final = """
@ mm/oom_kill.c, dump_oom_victim, __oom_kill_process
constraint | text | what was exhausted: NONE the machine, MEMCG a cgroup's limit, CPUSET or MEMORY_POLICY the
  nodes allowed
nodemask | text | the memory nodes that were asked; (null) is any
cpuset | text | the cpuset of the process that asked
mems_allowed | text | the memory nodes that this cpuset allows
global_oom | flag | no cgroup's limit: the machine itself has no memory left
oom_memcg | text | the cgroup whose limit was hit
task_memcg | text | the cgroup of the victim
task | text | the victim
pid | count | the victim's process id
uid | count | the victim's user
total-vm | kB | the victim's address space, touched or not
anon-rss | kB | its anonymous memory: what killing surely frees
file-rss | kB | its resident file pages: could have been dropped anyway
shmem-rss | kB | its resident shared memory: stays, if a tmpfs file or another process holds it
UID | count | the victim's user
pgtables | kB | its page tables
oom_score_adj | count | the victim's: -1000 never killed, 1000 killed first
score | count | the victim's badness, in old kernels
"""

LIMIT: Final = """
@ mm/memcontrol.c (v1: mm/memcontrol-v1.c), mem_cgroup_print_oom_meminfo
usage | kB | what the cgroup had charged at that time
limit | kB | what it may have; 9007199254740988 kB is "no limit"
failcnt | count | how often the limit was hit (v2 counts memory.events max here)
memory | text | all memory of the cgroup: anonymous, page cache, and with v2 the kernel's
memory+swap | text | cgroup v1: memory and swap together
kmem | text | cgroup v1: the kernel's memory for the cgroup
swap | text | cgroup v2: swap
"""

MEMCG: Final = """
@ mm/memcontrol.c, memory_stat; cgroup-v2.rst "memory.stat"
anon | bytes | anonymous memory: heaps and stacks
file | bytes | page cache, tmpfs and shared memory included
kernel | bytes | all kernel memory of the cgroup
kernel_stack | bytes | kernel stacks of its threads
pagetables | bytes | page tables
sec_pagetables | bytes | page tables of virtual machines and IOMMUs
percpu | bytes | kernel memory with a copy for each processor
sock | bytes | memory of sockets in use
vmalloc | bytes | vmalloc memory
shmem | bytes | tmpfs and shared memory: only deleting or swapping frees it
zswap | bytes | memory of the compressed swap
zswapped | bytes | what it was before compression
file_mapped | bytes | page cache mapped by processes
file_dirty | bytes | page cache not yet on disk
file_writeback | bytes | page cache being written
swapcached | bytes | in memory and in swap
anon_thp | bytes | anonymous memory in huge pages
file_thp | bytes | page cache in huge pages
shmem_thp | bytes | shared memory in huge pages
inactive_anon | bytes | anonymous memory and shmem not used lately
active_anon | bytes | anonymous memory and shmem used lately
inactive_file | bytes | page cache not used lately: the first to be dropped
active_file | bytes | page cache used lately
unevictable | bytes | what reclaim may not take
slab_reclaimable | bytes | kernel objects that can be dropped
slab_unreclaimable | bytes | kernel objects that cannot
slab | bytes | kernel objects
hugetlb | bytes | reserved huge pages, where they are counted
pgscan | count | pages that reclaim looked at
pgsteal | count | pages that reclaim took
@ mm/memcontrol-v1.c, memcg1_stat_format; cgroup-v1/memory.rst "stat file"
pgpgin | count | pages ever charged to the cgroup
pgpgout | count | pages ever uncharged
pgfault | count | page faults of all kinds
pgmajfault | count | page faults that waited for a disk
cache | bytes | page cache, tmpfs and shared memory included
rss | bytes | anonymous memory and swap cache; not the RSS of processes, file pages are in cache
rss_huge | bytes | anonymous memory in huge pages
mapped_file | bytes | page cache mapped by processes
dirty | bytes | page cache not yet on disk
writeback | bytes | page cache being written
swap | bytes | memory in swap
hierarchical_memory_limit | bytes | the smallest limit from here up to the root
hierarchical_memsw_limit | bytes | the same for memory and swap together
total_* | bytes | the same with all child cgroups
"""

STACK: Final = """
@ lib/dump_stack.c, arch/x86/kernel/dumpstack.c
stack | text | the path by which the process that asked came to ask, innermost first
"""
