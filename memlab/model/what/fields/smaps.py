"""maps, smaps, smaps_rollup: the columns of a mapping, its sizes, and the letters of VmFlags."""

from __future__ import annotations

from typing import Final

MAPS: Final = """
@ fs/proc/task_mmu.c, show_map_vma; proc.rst "maps"
address | range | first address of the mapping, and the first one behind it
perms | text | r(ead), w(rite), (e)x(ecute), and p(rivate: written pages are copied) or s(hared)
offset | text | where in the file the mapping begins, in bytes, hexadecimal; 0 without a file
dev | text | major:minor number of the file's file system, hexadecimal; 00:00 without a file
inode | text | the file's number on that file system; 0 without a file
pathname | text | the mapped file, or the kernel's name in brackets ([heap], [stack], [vdso]);
  empty: anonymous memory, which is what malloc, mmap without a file and thread stacks use
"""

NAMES: Final = """
@ fs/proc/task_mmu.c, get_vma_name; mm/madvise.c for the names that a program gives (prctl PR_SET_VMA)
[heap] | text | private anonymous memory between the program's data and its break: malloc's small blocks, by brk
[stack] | text | the main thread's stack, which grows downwards by itself; stacks of other threads have no name
[vdso] | text | code of the kernel that every process maps, for calls such as clock_gettime; takes none of its memory
[vvar] | text | data of the kernel that the code in [vdso] reads
[vvar_vclock] | text | the part of [vvar] for the clocks of virtual machines (Linux 6.13)
[vsyscall] | text | an old fixed page of the kernel on x86-64; the same for all, and counted for none
[anon:*] | text | private anonymous memory that the program has named
[anon_shmem:*] | text | shared anonymous memory that the program has named
"""

SMAPS: Final = """
@ fs/proc/task_mmu.c, show_smap; proc.rst "smaps"
Size | kB | address space of the mapping, touched or not; the sum over all mappings is VSZ
KernelPageSize | kB | page size the kernel uses for this mapping
MMUPageSize | kB | page size the processor uses for it; differs from KernelPageSize on few machines
Rss | kB | what of it is in memory now (resident), shared pages counted in full
Pss | kB | Rss with each page divided by the number of its users: the fair share; sums up over processes
Pss_Dirty | kB | the part of Pss that was written
Pss_Anon | kB | the part of Pss that is anonymous memory (smaps_rollup only)
Pss_File | kB | the part of Pss that belongs to files (smaps_rollup only)
Pss_Shmem | kB | the part of Pss that is shared memory or tmpfs (smaps_rollup only)
Shared_Clean | kB | resident, mapped more than once, unchanged since it was read from its file
Shared_Dirty | kB | resident, mapped more than once, and written
Private_Clean | kB | resident, mapped only here, unchanged: can be dropped and read again
Private_Dirty | kB | resident, mapped only here, written: only swap can take it, or the end of the process
Referenced | kB | resident and touched since the kernel last cleared the mark (reclaim, or clear_refs)
Anonymous | kB | resident pages that belong to no file; in a private file mapping: its copied pages
KSM | kB | anonymous pages merged with equal ones by kernel samepage merging (not the zero pages)
LazyFree | kB | given back with madvise(MADV_FREE) but not taken yet: still in Rss, free at any time
AnonHugePages | kB | anonymous memory in transparent huge pages (2 MiB each on x86)
ShmemPmdMapped | kB | shared memory mapped by huge pages
FilePmdMapped | kB | page cache mapped by huge pages
Shared_Hugetlb | kB | reserved huge pages (hugetlbfs) mapped more than once; not part of Rss or Pss
Private_Hugetlb | kB | reserved huge pages (hugetlbfs) mapped only here; not part of Rss or Pss
Swap | kB | private memory of the mapping that lies in swap; swapped shared memory counts here too
SwapPss | kB | Swap with each page divided by the number of its users
Locked | kB | the part of Pss that mlock holds in memory
Nonlinear | kB | pages remapped by remap_file_pages (Linux 3.5 to 4.0)
THPeligible | flag | 1: the kernel may use transparent huge pages here; 0: it may not
ProtectionKey | count | the memory protection key of the mapping (pkeys(7))
VmFlags | text | what the kernel notes about the mapping, two letters a note
Name | text | the name that prctl(PR_SET_VMA_ANON_NAME) gave it (Android kernels)
"""

VMFLAGS: Final = """
@ fs/proc/task_mmu.c, show_smap_vma_flags; proc.rst "VmFlags"
rd | flag | may be read
wr | flag | may be written
ex | flag | may be executed
sh | flag | shared: writes reach everybody who maps it
mr | flag | mprotect may allow reading
mw | flag | mprotect may allow writing
me | flag | mprotect may allow executing
ms | flag | may be mapped as shared
gd | flag | grows down by itself when touched below its start: the main stack
pf | flag | bare page frames without bookkeeping: device memory, or the kernel's own vdso and vvar
lo | flag | locked in memory (mlock): never swapped
lf | flag | locked when first touched (mlock2 with MLOCK_ONFAULT)
io | flag | memory-mapped device registers
sr | flag | advised: will be read in sequence (MADV_SEQUENTIAL)
rr | flag | advised: will be read at random (MADV_RANDOM)
dc | flag | a forked child does not get it (MADV_DONTFORK)
de | flag | mremap may not make it larger
ac | flag | counted in Committed_AS: the kernel has promised memory for it
nr | flag | mapped with MAP_NORESERVE: no memory promised; malloc arenas and many runtimes do so
ht | flag | reserved huge pages (hugetlbfs): not in Rss
sf | flag | synchronous page faults (MAP_SYNC on persistent memory)
nl | flag | non-linear mapping (before Linux 4.0)
ar | flag | a flag of this architecture (on x86 long ago: PAT)
wf | flag | a forked child finds it zeroed (MADV_WIPEONFORK)
dd | flag | left out of core dumps (MADV_DONTDUMP)
sd | flag | soft-dirty: written (or made) since somebody wrote 4 to clear_refs
mm | flag | mixed: bare page frames and ordinary pages
hg | flag | advised: huge pages welcome (MADV_HUGEPAGE)
nh | flag | no huge pages: MADV_NOHUGEPAGE, or MAP_STACK since Linux 6.7, so often a thread stack
mg | flag | advised: may be merged with equal pages (MADV_MERGEABLE, KSM)
bt | flag | arm64: branch targets are checked
mt | flag | arm64: memory tagging is on
um | flag | userfaultfd handles missing pages
uw | flag | userfaultfd watches writes
ui | flag | userfaultfd handles minor faults
ss | flag | shadow stack: return addresses kept by the processor
sl | flag | sealed by mseal: cannot be unmapped or changed
dp | flag | droppable: the kernel may drop the pages when memory is short (vgetrandom)
gu | flag | may hold guard pages made by MADV_GUARD_INSTALL (glibc 2.42 guards its stacks so)
dw | flag | the mapped file may not be written meanwhile (before Linux 5.15; a running program's text)
mp | flag | x86 bounds checking, MPX (before Linux 5.6)
"""
