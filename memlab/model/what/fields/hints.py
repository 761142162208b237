"""What is normal and what is alarming in the fields that people look at most.

A line is `file | name | sentence`, with the short file names of `glossary`.
"""

from __future__ import annotations

from typing import Final

HINTS: Final = """
smaps | Size | alarming only if it keeps growing; far above Rss is normal for stacks and reserved heaps
smaps | Rss | close to Size on a heap: all of it was touched; growing: a leak, a cache or a warm-up
smaps | Pss | equal to Rss: nobody shares it; far below: libraries and forked memory, which is normal
smaps | Private_Dirty | the process's own cost; a leak of malloc grows here
smaps | Shared_Dirty | normal after fork and in shared memory; in a private mapping: pages not yet copied
smaps | Anonymous | in a private file mapping some kB are normal (relocations, global variables)
smaps | Swap | normal where it lies still; memory that leaked is often here, as nobody touches it
smaps | AnonHugePages | much of it with small use: huge pages hold what was freed around a few living objects
smaps | LazyFree | normal; Rss looks larger by it than it is
VmFlags | nh | with rw-p beside a ---p guard: a thread stack; more of them than threads minus one: not joined, or cached
VmFlags | nr | normal for malloc arenas, Go, Java, V8
VmFlags | gu | with nh: a thread stack of glibc 2.42 or later
status | VmSize | alarming on 32 bit only, or when it grows in equal steps: something is mapped again and again
status | VmRSS | at VmHWM and rising: growing now; look at RssAnon to see whether it is its own
status | RssAnon | rising for hours under steady work: a leak's most usual trace
status | RssShmem | rising: shared memory or tmpfs, which may outlive the process
status | VmData | rises with every thread and every reservation, touched or not
status | VmPTE | more than a few per cent of VmRSS: much mapped, little used
status | VmSwap | add it to VmRSS before judging growth
status | Threads | rising with VmSize: threads that never end; VmSize alone rising in steps: threads that nobody joins
status | State | D for long is alarming; Z holds no memory
statm | dt | always 0: says nothing
top | nDRT | always 0: says nothing
stat | majflt | a rate above zero that lasts: memory is short, or cold files are read
pidstat | majflt/s | above zero for long: memory is short, or cold files are read
pidstat | minflt/s | normal at any rate; with a rising RSS it is the pages that leak
pidstat | VSZ | rising in equal steps with RSS level: stacks or reservations, not a heap
pidstat | RSS | level is normal; rising under steady work is to be watched
pidstat | %MEM | of the machine's memory, not of a cgroup's limit
meminfo | MemAvailable | below 5 % of MemTotal: swapping or the OOM killer is near (by practice, no kernel rule)
meminfo | MemFree | low is normal
meminfo | Shmem | large: look at tmpfs, ipcs -m, memfd; killing processes need not free it
meminfo | SUnreclaim | a large or ever rising share: a kernel leak, sockets, many cgroups; slabtop names the cache
meminfo | SReclaimable | large is normal after many files were looked at; it shrinks under pressure
meminfo | Committed_AS | above CommitLimit: refused only with vm.overcommit_memory = 2
meminfo | CommitLimit | means nothing but with vm.overcommit_memory = 2
meminfo | PageTables | above a per cent or two: many processes map much
meminfo | KernelStack | times 1/16 KiB is the number of threads on x86
meminfo | SwapFree | used swap that lies still is normal; si and so of vmstat tell whether it moves
meminfo | AnonPages | the sum of heaps and stacks; rising for hours: find the process whose RssAnon rises
meminfo | HardwareCorrupted | anything but 0: a memory module is failing
vmstat | oom_kill | anything but 0: dmesg has the reports
vmstat tool | si | above zero for long: memory is short
vmstat tool | so | above zero for long: memory is short
oom | oom_score_adj | 0 is normal; -1000 protects a process at the cost of all others
invoked | order | 0 is usual; above 3 a large block was wanted, and memory may only be fragmented
invoked | oom_score_adj | of the one that asked, which need not die
kill | constraint | MEMCG: raise the limit or find what grows in the cgroup; NONE: the machine is full
tasks | total_vm | says little: the killer looks at rss, swapents and page tables
limit | failcnt | large: the cgroup has long lived at its limit, mostly on page cache, which is normal
free | available | the number to watch; below 5 % of total is alarming
free | free | low is normal
free | shared | large: tmpfs or shared memory, hidden in buff/cache
pressure | full | above zero for long: work stands still for lack of the resource
pressure | some | a few per cent in bursts are normal
"""
