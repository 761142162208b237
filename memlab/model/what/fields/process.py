"""/proc/PID/stat and statm, and the oom_* files of a process."""

from __future__ import annotations

from typing import Final

STAT: Final = """
@ fs/proc/array.c, do_task_stat; proc.rst table 1-4
pid | count | the process
comm | text | the command's name in parentheses, at most 15 bytes
state | text | R S D T t Z X I, as in status
ppid | count | the parent process
pgrp | count | the process group
session | count | the session
tty_nr | count | the controlling terminal, 0 for none
tpgid | count | the terminal's foreground process group, -1 for none
flags | count | the kernel's PF_ bits (linux/sched.h)
minflt | count | page faults that needed no disk: first touches, copies after fork
cminflt | count | the same of children that were waited for
majflt | count | page faults that had to wait for a disk: file pages or swap
cmajflt | count | the same of children that were waited for
utime | ticks | processor time in its own code
stime | ticks | processor time in the kernel
cutime | ticks | processor time of children that were waited for
cstime | ticks | the same, in the kernel
priority | count | the scheduler's priority, 20 + nice for ordinary processes
nice | count | -20 (first) to 19 (last)
num_threads | count | threads in the process
itrealvalue | count | always 0 since Linux 2.6.17
starttime | ticks | when it started, after boot; with the pid it names a process for good
vsize | bytes | address space, touched or not: VSZ
rss | pages | pages in memory now; may lag, smaps is exact
rsslim | text | the soft limit RLIMIT_RSS, which Linux does not enforce; 18446744073709551615 is none
startcode | text | first address of the program's code; 0 or 1 where you may not trace it
endcode | text | the address behind the code
startstack | text | bottom (highest address) of the main stack
kstkesp | text | stack pointer; 0 unless the process is ending or dumping core
kstkeip | text | instruction pointer; likewise
signal | text | pending signals (old; status is better)
blocked | text | blocked signals (old)
sigignore | text | ignored signals (old)
sigcatch | text | caught signals (old)
wchan | text | 0 or 1: whether it sleeps in the kernel; /proc/PID/wchan names the place
nswap | count | always 0
cnswap | count | always 0
exit_signal | count | the signal its parent gets at the end; 17 is SIGCHLD
processor | count | the processor it last ran on
rt_priority | count | real-time priority, 0 for ordinary processes
policy | count | scheduling policy: 0 other, 1 FIFO, 2 RR, 3 batch, 5 idle, 6 deadline
delayacct_blkio_ticks | ticks | time it waited for disks; 0 where delay accounting is off
guest_time | ticks | processor time spent running a virtual machine
cguest_time | ticks | the same of children
start_data | text | address of the program's data; 0 where you may not trace it
end_data | text | the address behind the data
start_brk | text | where [heap] begins
arg_start | text | address of the command line
arg_end | text | the address behind the command line
env_start | text | address of the environment
env_end | text | the address behind the environment
exit_code | count | how it ended, as waitpid gives it; 0 where you may not trace it
"""

STATM: Final = """
@ fs/proc/array.c, proc_pid_statm; proc.rst table 1-3
size | pages | all mappings, touched or not: VmSize, VIRT, VSZ
resident | pages | in memory now: VmRSS, RES
shared | pages | resident pages of files and shared memory: RssFile + RssShmem, top's SHR
text | pages | the program's code: VmExe, top's CODE
lib | pages | always 0 since Linux 2.6
data | pages | private writable mappings and stack: VmData + VmStk, top's DATA
dt | pages | dirty pages once; always 0 since Linux 2.6 (top shows it as nDRT)
"""

OOM_FILES: Final = """
@ fs/proc/base.c, mm/oom_kill.c; proc.rst chapter 3.1
oom_score_adj | count | -1000 to 1000, added to the kernel's badness in thousandths of all memory:
  -1000 never killed, 0 judged by its memory alone, 1000 killed first
oom_score | count | how likely the killer takes this process, of the whole machine's memory;
  in a cgroup the order may be another, since oom_score_adj then scales with the cgroup's limit
oom_adj | count | the old form of oom_score_adj, -17 to 15; writing it sets the new one
"""
