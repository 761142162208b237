"""Columns of pidstat, top, ps, pmap, free and vmstat, with the /proc field or the formula of each."""

from __future__ import annotations

from typing import Final

PIDSTAT: Final = """
@ sysstat's pidstat -r
time | text | end of the interval
UID | count | the user [/proc/PID/status Uid]
PID | count | the process
TGID | count | the process of the thread in TID (pidstat -t)
TID | count | the thread (pidstat -t)
minflt/s | rate | page faults a second that needed no disk: fresh memory touched [stat minflt / interval]
majflt/s | rate | page faults a second that waited for a disk [stat majflt / interval]
VSZ | kB | address space, touched or not [stat vsize / 1024]
RSS | kB | in memory now [stat rss × page size]
%MEM | % | RSS / MemTotal [stat rss, meminfo MemTotal]
Command | text | name of the command [stat comm]
"""

TOP: Final = """
@ procps top(1)
PID | count | the process
USER | text | its effective user
PR | text | the kernel's priority, rt for real time
NI | count | nice value
VIRT | KiB | address space, touched or not [statm size = VmSize]
RES | KiB | in memory now [statm resident = VmRSS]
SHR | KiB | the part of RES that belongs to files or shared memory, used by others or not
  [statm shared = RssFile + RssShmem]
S | text | state: R running, S sleeping, D waiting for a disk or a lock, T stopped, Z zombie, I idle
%CPU | % | processor time over the last interval, of one processor [stat utime + stime]
%MEM | % | RES / MemTotal
TIME+ | text | processor time since its start, minutes:seconds [stat utime + stime]
COMMAND | text | the command's name, or with c its whole line
SWAP | KiB | private memory in swap [status VmSwap]
DATA | KiB | private writable mappings and stack [statm data]
CODE | KiB | the program's code [statm text]
USED | KiB | RES + SWAP
nDRT | count | dirty pages once; always 0 since Linux 2.6 [statm dt]
nTH | count | threads
nMaj | count | page faults that waited for a disk since its start [stat majflt]
nMin | count | page faults that did not [stat minflt]
vMj | count | the same as nMaj, since the last update
vMn | count | the same as nMin, since the last update
RSan | KiB | resident anonymous memory [status RssAnon]
RSfd | KiB | resident file pages [status RssFile]
RSsh | KiB | resident shared memory [status RssShmem]
RSlk | KiB | resident locked memory [status VmLck]
PSS | KiB | fair share of resident memory [smaps_rollup Pss]
PSan | KiB | its anonymous part [smaps_rollup Pss_Anon]
PSfd | KiB | its file part [smaps_rollup Pss_File]
PSsh | KiB | its shared memory part [smaps_rollup Pss_Shmem]
USS | KiB | what nobody else maps [smaps_rollup Private_Clean + Private_Dirty]
OOMa | count | oom_score_adj
OOMs | count | oom_score
"""

TOP_HEAD: Final = """
@ procps top(1), summary area
load average | text | tasks that run or wait for a disk, mean over 1, 5 and 15 minutes
Tasks | text | processes by state; a zombie holds no memory, only its number
%Cpu(s) | text | processor time: us programs, sy kernel, ni niced, id idle, wa idle while a disk works, hi/si
  interrupts, st taken by the host
total | mixed | memory: MemTotal; swap: SwapTotal
free | mixed | memory: MemFree; swap: SwapFree
used | mixed | memory: MemTotal - MemAvailable (older top: less free, buffers and cache); swap: SwapTotal - SwapFree
buff/cache | mixed | Buffers + Cached + SReclaimable; most of it can be dropped, but shared memory in it cannot
avail Mem | mixed | MemAvailable; it stands in the swap line, but has nothing to do with swap
"""

PS: Final = """
@ procps ps(1)
USER | text | its effective user
UID | text | its effective user, as a number
PID | count | the process
PPID | count | its parent
%CPU | % | processor time / time since its start: a mean over its life
%MEM | % | RSS / MemTotal
VSZ | kB | address space, touched or not [stat vsize = VmSize]
RSS | kB | in memory now [stat rss = VmRSS]
TTY | text | its terminal, ? for none
SZ | pages | address space, touched or not [statm size]
NLWP | count | threads
MINFL | count | page faults since its start that needed no disk [stat minflt]
MAJFL | count | page faults since its start that waited for a disk [stat majflt]
STAT | text | state, then < high and N low priority, L locked pages, s session leader, l threads, + in the
  foreground
START | text | when it started
TIME | text | processor time since its start
COMMAND | text | its command line, or its name alone (-o comm); in brackets: a kernel thread
CMD | text | as COMMAND
"""

SMEM: Final = """
@ smem(8), from /proc/PID/smaps
PID | count | the process
User | text | its user
Command | text | its command line, cut
Swap | KiB | swapped out [Swap, summed]
USS | KiB | resident and mapped only here: what its end would free [Private_Clean + Private_Dirty, summed]
PSS | KiB | resident, each page divided by the number of its users; sums up over processes [Pss, summed]
RSS | KiB | resident, shared pages counted in full for each process [Rss, summed]
"""

PMAP: Final = """
@ procps pmap(1)
Address | text | first address of the mapping [smaps, header]
Kbytes | kB | address space of the mapping [smaps Size]
RSS | kB | in memory now [smaps Rss]
Dirty | kB | written pages [smaps Shared_Dirty + Private_Dirty]
Mode | text | r w x, s for shared; R where nothing is reserved (MAP_NORESERVE) [smaps, header]
Mapping | text | the file, [ anon ] or [ stack ]
total | kB | sums of the columns
Perm | text | r w x and p(rivate) or s(hared) [smaps, header]
Offset | text | where in the file it begins, hexadecimal [smaps, header]
Device | text | major:minor of the file system [smaps, header]
Inode | text | number of the file [smaps, header]
"""

FREE: Final = """
@ procps free(1)
total | mixed | memory: MemTotal; swap: SwapTotal
used | mixed | memory: MemTotal - MemAvailable (procps before 4.0: MemTotal - MemFree - Buffers - Cached -
  SReclaimable); swap: SwapTotal - SwapFree
free | mixed | memory: MemFree, used by nobody at all; swap: SwapFree
shared | mixed | Shmem: tmpfs and shared memory
buffers | mixed | Buffers: page cache of block devices
cache | mixed | Cached + SReclaimable
buff/cache | mixed | Buffers + Cached + SReclaimable; holds Shmem, which cannot be dropped
available | mixed | MemAvailable: what new programs could get without swapping
"""

VMSTAT_TOOL: Final = """
@ procps vmstat(8)
r | count | tasks that run or want to [/proc/stat procs_running]
b | count | tasks that wait for a disk [/proc/stat procs_blocked]
swpd | KiB | swap in use [SwapTotal - SwapFree]
free | KiB | MemFree
buff | KiB | Buffers
cache | KiB | Cached + SReclaimable
inact | KiB | Inactive (vmstat -a)
active | KiB | Active (vmstat -a)
si | rate | KiB a second read from swap [vmstat pswpin]
so | rate | KiB a second written to swap [vmstat pswpout]
bi | rate | KiB a second read from disks [vmstat pgpgin]
bo | rate | KiB a second written to disks [vmstat pgpgout]
in | rate | interrupts a second
cs | rate | changes of task a second
us | % | processor time of programs
sy | % | processor time of the kernel
id | % | idle
wa | % | idle while a disk works
st | % | taken by the host of this virtual machine
gu | % | running virtual machines
"""
