"""/proc/PID/status."""

from __future__ import annotations

from typing import Final

STATUS: Final = """
@ fs/proc/array.c, proc_pid_status; proc.rst table 1-2
Name | text | the command's name, at most 15 bytes
Umask | text | permission bits that new files do not get, octal
State | text | R running, S sleeping, D waiting for a disk or a lock and not to be killed,
  T stopped, t traced, Z ended and not yet waited for (zombie, holds no memory), I idle kernel thread
Tgid | count | the process id: all threads of a process share it (getpid)
Ngid | count | NUMA group, 0 for none
Pid | count | id of this task; equal to Tgid in the first thread
PPid | count | the parent process
TracerPid | count | the process that traces this one (a debugger, strace), 0 for none
Uid | text | user ids: real, effective, saved, file system
Gid | text | group ids: real, effective, saved, file system
FDSize | count | places in the table of descriptors; a table only grows, so it tells the most that were ever
  open at once
Groups | text | the other groups
NStgid | text | the process id in each pid namespace, from /proc's inwards
NSpid | text | the task id in each pid namespace, from /proc's inwards
NSpgid | text | the process group in each pid namespace
NSsid | text | the session in each pid namespace
Kthread | flag | 1: a kernel thread, which has no memory of its own
CoreDumping | flag | 1: a core is being written right now
THP_enabled | flag | 1: transparent huge pages are allowed to this process; 0: prctl(PR_SET_THP_DISABLE)
untag_mask | text | which address bits count (the rest may hold tags)
Threads | count | threads in the process; each has a stack in VmSize, and 16 KiB of KernelStack on x86
SigQ | text | queued signals / the limit
SigPnd | text | signals waiting for this thread, a bit each
ShdPnd | text | signals waiting for the process
SigBlk | text | blocked signals
SigIgn | text | ignored signals
SigCgt | text | caught signals
CapInh | text | inheritable capabilities, a bit each
CapPrm | text | permitted capabilities
CapEff | text | effective capabilities: what it may do beyond an ordinary user
CapBnd | text | the most it could ever get
CapAmb | text | ambient capabilities, kept over exec
NoNewPrivs | flag | 1: exec can no longer raise privileges
Seccomp | count | 0: no system call filter, 1: strict, 2: filter
Seccomp_filters | count | number of system call filters
Speculation_Store_Bypass | text | state of a processor mitigation
SpeculationIndirectBranch | text | state of a processor mitigation
Cpus_allowed | text | processors it may run on, a bit each
Cpus_allowed_list | text | the same as a list
Mems_allowed | text | memory nodes it may take memory from, a bit each
Mems_allowed_list | text | the same as a list
voluntary_ctxt_switches | count | times it gave up the processor to wait for something
nonvoluntary_ctxt_switches | count | times the processor was taken from it
x86_thread_features | text | x86 features in use (shadow stack)
x86_thread_features_locked | text | those that can no longer be switched
@ fs/proc/task_mmu.c, task_mem; proc.rst table 1-2
VmPeak | kB | the most address space it ever had
VmSize | kB | address space now, touched or not; VSZ in ps and pidstat, VIRT in top
VmLck | kB | locked with mlock: cannot be swapped
VmPin | kB | pinned for devices (RDMA, io_uring buffers): cannot even be moved, and is often in no other field
VmHWM | kB | the most it ever had in memory (high water mark)
VmRSS | kB | in memory now = RssAnon + RssFile + RssShmem; may lag by some pages a processor, smaps is exact
RssAnon | kB | resident memory without a file: heaps, stacks, mmap; a leak of malloc is here
RssFile | kB | resident pages of files: program, libraries, mapped data; can be dropped and read again
RssShmem | kB | resident shared memory: SysV, POSIX, tmpfs, memfd, shared anonymous
VmData | kB | private writable mappings, reserved or touched
VmStk | kB | the main stack only; thread stacks are in VmData
VmExe | kB | the program's code
VmLib | kB | code of the libraries
VmPTE | kB | page tables: what it costs the kernel to map all that; belongs to no mapping
VmPMD | kB | second-level page tables (Linux 4.0 to 4.14; inside VmPTE since)
VmSwap | kB | private anonymous memory in swap; swapped shared memory is not counted
HugetlbPages | kB | reserved huge pages in use; not part of VmRSS
"""
