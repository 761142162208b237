"""/proc/vmstat; the same names stand in zoneinfo, and some in a cgroup's memory.stat.

A name that ends in * stands for a family of counters.
"""

from __future__ import annotations

from typing import Final

VMSTAT: Final = """
@ mm/vmstat.c, vmstat_text
nr_free_pages | pages | free pages: MemFree
nr_free_pages_blocks | pages | free pages in whole free blocks
nr_zone_* | pages | the same as nr_* without zone_, counted by zone
nr_mlock | pages | pages held by mlock: Mlocked
nr_zspages | pages | pages of zsmalloc: compressed swap (zram, zswap)
nr_free_cma | pages | free pages set aside for contiguous allocations
nr_inactive_anon | pages | anonymous and shared memory not used lately: Inactive(anon)
nr_active_anon | pages | anonymous and shared memory used lately: Active(anon)
nr_inactive_file | pages | page cache not used lately: Inactive(file)
nr_active_file | pages | page cache used lately: Active(file)
nr_unevictable | pages | pages that reclaim may not take: Unevictable
nr_slab_reclaimable | pages | kernel objects that can be dropped: SReclaimable
nr_slab_unreclaimable | pages | kernel objects that cannot: SUnreclaim
nr_isolated_* | pages | pages taken off the lists, for reclaim or moving, right now
nr_anon_pages | pages | mapped anonymous pages: AnonPages
nr_mapped | pages | mapped page cache and shared memory: Mapped
nr_file_pages | pages | page cache, shmem and swap cache: Cached + Buffers + SwapCached
nr_dirty | pages | page cache waiting to be written: Dirty
nr_writeback | pages | page cache being written: Writeback
nr_writeback_temp | pages | FUSE's pages on their way out: WritebackTmp
nr_shmem | pages | tmpfs and shared memory: Shmem
nr_shmem_* | count | shared memory in huge pages, counted in huge pages
nr_file_* | count | page cache in huge pages, counted in huge pages
nr_anon_transparent_hugepages | count | anonymous huge pages in use, 2 MiB each on x86: AnonHugePages
nr_vmscan_write | count | pages that reclaim had to write, mostly to swap
nr_vmscan_immediate_reclaim | count | pages put first in the queue of reclaim, after being written
nr_dirtied | count | pages ever made dirty
nr_written | count | pages ever written back
nr_throttled_written | count | pages written while writers were slowed down by reclaim
nr_kernel_misc_reclaimable | pages | other kernel memory that can shrink: part of KReclaimable
nr_foll_pin_* | count | pages ever pinned for devices, and released; a growing difference is pinned memory
  that stays
nr_kernel_stack | count | kernel stacks, in KiB: KernelStack
nr_shadow_call_stack | count | arm64's second kernel stacks, in KiB
nr_page_table_pages | pages | pages that hold page tables: PageTables
nr_sec_page_table_pages | pages | page tables of virtual machines and IOMMUs: SecPageTables
nr_iommu_pages | pages | page tables of IOMMUs
nr_swapcached | pages | in memory and in swap: SwapCached
nr_bounce | pages | copies for old devices: Bounce
nr_unstable | pages | always 0 since Linux 5.8
nr_hugetlb | pages | reserved huge pages: Hugetlb
nr_balloon_pages | pages | given back to the host by a virtual machine: Balloon
nr_kernel_file_pages | pages | file pages that belong to the kernel itself
nr_dirty_threshold | pages | dirty pages at which writers must wait
nr_dirty_background_threshold | pages | dirty pages at which writing begins
nr_memmap_* | pages | pages that describe the other pages
nr_gpu_* | pages | system memory held by graphics drivers
nr_unaccepted | pages | a confidential guest's memory not yet in use
nr_vmscan_* | count | pages that reclaim had to write
nr_* | pages | a number of pages now; this one is younger or rarer than the list here
numa_* | count | allocations and page moves by memory node since boot; numa_miss and numa_foreign: not on the
  wanted node
workingset_refault_anon | count | pages read back from swap soon after they left: memory is too small for what runs
workingset_refault_file | count | file pages read again soon after they were dropped: the cache is too small
  for what runs
workingset_refault | count | pages read again soon after they were dropped: the cache is too small for what runs
workingset_nodes | count | nodes that remember dropped pages, now
workingset_* | count | how often dropped pages came back soon, since boot; much of it means thrashing
pgpgin | count | KiB read from disks, files and swap
pgpgout | count | KiB written to disks
pswpin | count | pages read from swap
pswpout | count | pages written to swap
pgalloc_* | count | pages allocated, by zone
allocstall_* | count | times an allocation had to reclaim memory itself: memory was short then
allocstall | count | times an allocation had to reclaim memory itself: memory was short then
pgskip_* | count | pages skipped by reclaim for their zone
pgfree | count | pages freed
pgactivate | count | pages moved to the active list
pgdeactivate | count | pages moved to the inactive list
pglazyfree | count | pages marked by MADV_FREE
pglazyfreed | count | pages of those that were taken
pgfault | count | page faults of all kinds
pgmajfault | count | page faults that waited for a disk
pgrefill* | count | pages that reclaim looked at in the active list
pgreuse | count | copy-on-write faults that needed no copy
pgscan_direct_throttle | count | times a process had to wait because reclaim got nowhere
pgscan_direct* | count | pages looked at by processes that waited for memory: memory was short
pgscan_* | count | pages that reclaim looked at, by who and of what kind
pgsteal_direct* | count | pages reclaimed by processes that waited for memory: memory was short
pgsteal_* | count | pages that reclaim took, by who (kswapd in the background, direct: the process itself)
  and of what kind
pgpromote_* | count | pages moved to faster memory
pgdemote_* | count | pages moved to slower memory
zone_reclaim_* | count | reclaim within one memory node
pginodesteal | count | pages dropped with their inode by a process
kswapd_inodesteal | count | pages dropped with their inode by kswapd
kswapd_* | count | how kswapd, the background reclaimer, met its marks
slabs_scanned | count | kernel objects that reclaim looked at
pageoutrun | count | times kswapd began to work
pgrotated | count | pages moved to the end of the list, after being written
drop_pagecache | count | times somebody dropped the page cache by hand (drop_caches)
drop_slab | count | times somebody dropped kernel caches by hand
oom_kill | count | processes killed for lack of memory since boot, cgroup limits included
pgmigrate_* | count | pages moved to another place, done and failed
thp_fault_alloc | count | huge pages given at a first touch
thp_fault_fallback | count | first touches that got small pages, since no huge one was there
thp_collapse_alloc | count | huge pages made of small ones by khugepaged
thp_split_* | count | huge pages split into small ones
thp_* | count | transparent huge pages since boot: made, split, swapped, refused
compact_stall | count | times a process had to move pages itself to get a large block
compact_fail | count | times this did not help: memory is fragmented
compact_* | count | moving pages to make large free blocks
htlb_* | count | reserved huge pages made at run time
cma_* | count | contiguous allocations, done and failed
unevictable_pgs_* | count | pages put on and taken off the unevictable list
balloon_* | count | pages given to the host and taken back
swap_ra | count | pages read from swap ahead of need
swap_ra_hit | count | of those, the ones that were needed
swpin_* | count | zero-filled pages that came back from swap without a read
swpout_* | count | zero-filled pages that went to swap without a write
ksm_swpin_copy | count | merged pages copied when read from swap
cow_ksm | count | merged pages copied when written
zswpin | count | pages read from compressed swap
zswpout | count | pages put into compressed swap
zswpwb | count | pages moved from compressed swap to disk
direct_map_* | count | splits and merges of the kernel's own map of memory
vma_lock_* | count | page faults under the mapping's own lock
pcp_* | count | refills of the processors' own lists of free pages
kstack_* | count | depth of kernel stacks when threads ended
"""
