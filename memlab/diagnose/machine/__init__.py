"""Who eats the machine: processes, tmpfs, System V objects, slab caches, the kernel, or nothing that has a name.

`parts` of each kind are accounts: memory of processes (`resident`), what they hold in the kernel (`held`, and
`behind` their descriptors), what belongs to no process (`shared`), and the kernel's own (`lines`, `caches`,
`areas`). `nearest` says which of those that rise are one and the same, `split` shares out the fall of MemAvailable, and
`judge` makes the verdict.
"""

from memlab.diagnose.machine.judge import diagnose_machine

__all__ = ["diagnose_machine"]
