"""/proc/meminfo."""

from __future__ import annotations

from typing import Final

MEMINFO: Final = """
@ fs/proc/meminfo.c; proc.rst "meminfo"
MemTotal | kB | all memory that the kernel manages: the machine's less what firmware and the kernel's image took
MemFree | kB | memory that nobody uses at all; low is normal, since free memory caches files
MemAvailable | kB | the kernel's estimate of what new programs could get without swapping: the number to watch
Buffers | kB | page cache of block devices (file system metadata)
Cached | kB | page cache of files; holds Shmem too, which cannot be dropped
SwapCached | kB | in memory and, unchanged, in swap too: could leave without a write
Active | kB | used lately: Active(anon) + Active(file)
Inactive | kB | not used lately, first to be reclaimed: Inactive(anon) + Inactive(file)
Active(anon) | kB | anonymous memory and shmem used lately
Inactive(anon) | kB | anonymous memory and shmem not used lately: the next to go to swap
Active(file) | kB | page cache used lately
Inactive(file) | kB | page cache not used lately: the next to be dropped
Unevictable | kB | memory that reclaim may not take: mlock, ramfs, locked shared memory
Mlocked | kB | the part of Unevictable that mlock holds
HighTotal | kB | memory beyond the direct map (32-bit machines)
HighFree | kB | the free part of it
LowTotal | kB | directly mapped memory (32-bit machines)
LowFree | kB | the free part of it
SwapTotal | kB | size of all swap
SwapFree | kB | unused swap
Zswap | kB | memory that holds compressed swap pages
Zswapped | kB | what those pages were before compression
Dirty | kB | page cache waiting to be written to disk
Writeback | kB | page cache being written right now
AnonPages | kB | anonymous memory mapped by processes: heaps and stacks; a leak of malloc is here
Mapped | kB | page cache and shared memory that is mapped into processes
Shmem | kB | tmpfs, SysV and POSIX shared memory, memfd, shared anonymous mappings; outlives a process if it
  has a name
KReclaimable | kB | kernel memory that can shrink: SReclaimable and a few more
Slab | kB | the kernel's own objects: SReclaimable + SUnreclaim
SReclaimable | kB | kernel objects that can be dropped: mostly cached names and inodes of files
SUnreclaim | kB | kernel objects that cannot be dropped: a kernel leak grows here, and so do sockets and messages
KernelStack | kB | kernel stacks, one a thread (16 KiB on x86)
ShadowCallStack | kB | second kernel stacks of arm64's shadow call stack
PageTables | kB | page tables of all processes: the price of mapping
SecPageTables | kB | page tables of virtual machines and IOMMUs
NFS_Unstable | kB | always 0 since Linux 5.8
Bounce | kB | always 0 since the block layer's bounce buffers are gone; copies for old devices before
WritebackTmp | kB | FUSE's pages on their way out; always 0 on newest kernels
CommitLimit | kB | what may be promised under strict overcommit (mode 2) only: swap + overcommit_ratio of memory
Committed_AS | kB | what was promised to all processes, touched or not
VmallocTotal | kB | address space for vmalloc: not memory, and huge on 64 bit
VmallocUsed | kB | vmalloc memory in use: big kernel buffers, modules, thread stacks, BPF
VmallocChunk | kB | always 0 since Linux 4.4; the largest free piece before
Percpu | kB | kernel memory with a copy for each processor
MemtestBad | kB | bad memory that the boot test found
EarlyMemtestBad | kB | bad memory that the early boot test found
HardwareCorrupted | kB | memory taken out of use because of hardware errors
AnonHugePages | kB | anonymous memory in transparent huge pages
ShmemHugePages | kB | shared memory in huge pages
ShmemPmdMapped | kB | shared memory mapped by huge pages
FileHugePages | kB | page cache in huge pages
FilePmdMapped | kB | page cache mapped by huge pages
CmaTotal | kB | set aside for contiguous allocations of devices (CMA)
CmaFree | kB | the unused part of CMA
Unaccepted | kB | memory of a confidential guest not yet taken into use
Balloon | kB | memory that a virtual machine gave back to its host
GPUActive | kB | system memory in use by graphics drivers
GPUReclaim | kB | system memory that graphics drivers hold and can give back
HugePages_Total | count | reserved huge pages (hugetlbfs): taken from all other use, even when unused
HugePages_Free | count | reserved huge pages that nobody uses
HugePages_Rsvd | count | of those, promised to a mapping but not touched
HugePages_Surp | count | huge pages beyond the pool's size, made on demand
Hugepagesize | kB | the default size of a reserved huge page
Hugetlb | kB | all reserved huge pages of all sizes
DirectMap4k | kB | the kernel's own map of memory in 4 KiB pages; a matter of speed, not of use
DirectMap64k | kB | the kernel's own map in 64 KiB pages
DirectMap1M | kB | the kernel's own map in 1 MiB pages
DirectMap2M | kB | the kernel's own map in 2 MiB pages
DirectMap4M | kB | the kernel's own map in 4 MiB pages
DirectMap1G | kB | the kernel's own map in 1 GiB pages
DirectMap2G | kB | the kernel's own map in 2 GiB pages
"""
