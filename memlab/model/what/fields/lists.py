"""Rows of /proc/PID/limits, words of /proc/PID/numa_maps, columns of ipcs -m."""

from __future__ import annotations

from typing import Final

LIMITS: Final = """
@ fs/proc/base.c, proc_pid_limits; getrlimit(2)
Max cpu time | text | processor time, then SIGXCPU
Max file size | bytes | the largest file it may write, on a tmpfs too
Max data size | bytes | heap, data and other private writable mappings (VmData); then brk and mmap fail
Max stack size | bytes | the main thread's stack, and what a new thread's takes of address space by default
Max core file size | bytes | how much of a core dump is written
Max resident set | bytes | without any effect since Linux 2.6
Max processes | count | processes and threads of the user, not of the process
Max open files | count | descriptors; each memfd and each socket takes one
Max locked memory | bytes | what mlock may keep in memory (VmLck)
Max address space | bytes | VmSize, touched or not; then mmap, brk and new threads fail
Max file locks | count | without effect since Linux 2.4
Max pending signals | count | queued signals of the user
Max msgqueue size | bytes | POSIX message queues of the user
Max nice priority | text | how far it may raise its own priority
Max realtime priority | text | the highest one it may take
Max realtime timeout | text | microseconds at realtime priority without a pause
"""

NUMA_MAPS: Final = """
@ fs/proc/task_mmu.c, show_numa_map; proc.rst, numa_maps in admin-guide/mm
policy | text | where new pages go: default (the node that runs it), bind, prefer, interleave and their nodes
file | text | the mapped file
heap | flag | the heap of brk
stack | flag | the main thread's stack
huge | flag | pages of hugetlbfs
anon | pages | anonymous ones
dirty | pages | written ones
mapped | pages | in memory here; left out where it is the same as anon or dirty
mapmax | count | by how many the most shared page of it is mapped
swapcache | pages | with a copy in swap
active | pages | used lately; left out where that is all
writeback | pages | on their way to the disk
N* | pages | those that lie on this memory node
kernelpagesize_kB | kB | size of a page here
"""

IPCS: Final = """
@ util-linux ipcs(1), from /proc/sysvipc/shm
key | text | the name by which programs find it (ftok), 0x00000000: private
shmid | text | its number; it is its inode in maps, where it is called /SYSV and its key
owner | text | whose it is
perms | text | who may attach it, octal
bytes | bytes | its length; what it takes is what was touched
nattch | count | attachments now; 0: nobody has it, and it stays until ipcrm or a reboot
status | text | dest: removed already, gone with its last attachment; locked: may not be swapped
"""
