"""The lines of an OOM report (mm/oom_kill.c, mm/show_mem.c, mm/memcontrol.c), each read in one place only.

`prefix` takes off what a log puts before the kernel's words, `lines`, `table` and `mem_info` know one kind
of line each, `collect` puts lines together into a `records.Report`. Way in: `memlab.procfs.oom_report`.
"""
