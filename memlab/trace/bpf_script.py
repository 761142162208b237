"""The programs that bpftrace runs in the kernel: who takes what, and who gives it back.

Whose a process is not is turned away by a condition on its pid alone: what stands behind `&&` is asked of everybody
(bpftrace 0.17), which takes a system call of theirs 1 us instead of 0.2.

All of them keep what is held by its address in maps of a fixed size, and of each the top of the user's stack, in
windows of as many bytes as bpftrace copies at most. What is printed when bpftrace ends is read by `bpf_output`.
"""

from __future__ import annotations

from collections.abc import Sequence

KEYS = 32_768  # of each map, so many blocks are followed at most
WINDOW, WINDOWS = 200, 3  # bytes that bpftrace 0.17 copies at most (BPFTRACE_STRLEN), and how often
# what a map of hashes takes in the kernel for a key (kernel/bpf/hashtab.c, struct htab_elem: 48), all at once
_ELEMENT, _KEY = 48, 8
_HELD = 40

# function: (number, how many bytes are asked for, what else is done before)
_TAKERS: dict[str, tuple[int, str]] = {
    "malloc": (0, "arg0"),
    "calloc": (1, "arg0 * arg1"),
    "realloc": (2, "arg1"),
    "memalign": (3, "arg1"),
    "aligned_alloc": (4, "arg1"),
    "posix_memalign": (5, "arg2"),
    "valloc": (6, "arg0"),
    "pvalloc": (7, "arg0"),
}
_GIVERS = ("free", "cfree")
FUNCTIONS = (*_TAKERS, *_GIVERS)


def kernel_bytes() -> int:
    """What the maps take of the kernel's memory while bpftrace runs, about."""
    each = (_HELD, 8, *[WINDOW + 8] * WINDOWS)
    return KEYS * sum(size + _KEY + _ELEMENT for size in each)


def _begin() -> str:
    """By what it says of itself one sees whether pids are those that the kernel counts; the ticks say that it is in."""
    return 'BEGIN { printf("self %d\\n", pid); }\ninterval:ms:100 { printf("in\\n"); print(@n); }\n'


def _forget(key: str) -> str:
    """What is given back."""
    names = ("held", *[f"w{nth}" for nth in range(WINDOWS)])
    return " ".join(f"delete(@{name}[{key}]);" for name in names)


def _windows(key: str, sp: str) -> str:
    return " ".join(
        f"@w{nth}[{key}] = buf(uptr({sp} + {nth * WINDOW}), {WINDOW});" for nth in range(WINDOWS)
    )


def heap(pid: int, modules: Sequence[tuple[str, frozenset[str]]]) -> str:
    """Blocks of malloc. modules: (path, which of FUNCTIONS it has) of each file that has a malloc of its own.

    All is noted where a function returns: there instruction, stack and frame pointer are the caller's, so that
    its frame can be walked by its own unwind table, and nobody else has the block yet.
    """
    text = [_begin()]
    for path, names in modules:
        for name, (number, size) in _TAKERS.items():
            if name in names:
                text += [_taken(pid, path, name, number, size)]
        for name in _GIVERS:
            if name in names:
                text.append(
                    f'uprobe:"{path}":{name} /pid == {pid} && arg0 != 0/ {{ {_forget("arg0")} }}'
                )
    return "\n".join(text) + "\n"


def _taken(pid: int, path: str, name: str, number: int, size: str) -> str:
    asked = f"@asked[tid, {number}]"
    before, block = f"{asked} = {size} + 1;", "$p = (uint64)retval;"
    if (
        name == "realloc"
    ):  # it frees before it returns, and then another thread may get that address
        before += f" if (arg0 != 0) {{ {_forget('arg0')} }}"
    if name == "posix_memalign":
        before += " @where[tid] = arg0;"
        block = (
            "$p = (uint64)0; if (retval == 0) { $p = *(uint64*)uptr(@where[tid]); } "
            "delete(@where[tid]);"
        )
    others = " else { @n[2] = count(); }" if name == "malloc" else ""
    noted = f'(({asked} - 1), nsecs, reg("ip"), reg("sp"), reg("bp"))'
    return "\n".join(
        (
            f'uprobe:"{path}":{name} {{ if (pid == {pid}) {{ {before} }}{others} }}',
            f'uretprobe:"{path}":{name} /pid == {pid}/ {{ if ({asked} != 0) {{',
            f"  {block}",
            "  if ($p != 0) {",
            "    @n[0] = count();",
            f"    @held[$p] = {noted};",
            "    if (@held[$p].1 == 0) { @n[1] = count(); } else {",
            f"    {_windows('$p', 'reg(' + chr(34) + 'sp' + chr(34) + ')')} }}",
            "  }",
            f"  delete({asked});",
            "} }",
        )
    )


# tracepoint: (its kind, the key, the bytes); of those that a kernel has
_KERNEL_TAKERS = {
    "kmalloc": ("args->ptr", "args->bytes_alloc"),
    "kmalloc_node": ("args->ptr", "args->bytes_alloc"),
    "kmem_cache_alloc": ("args->ptr", "args->bytes_alloc"),
    "kmem_cache_alloc_node": ("args->ptr", "args->bytes_alloc"),
    "mm_page_alloc": ("args->pfn", "(4096 << args->order)"),
}
_KERNEL_GIVERS = {"kfree": "args->ptr", "kmem_cache_free": "args->ptr", "mm_page_free": "args->pfn"}
# what has to be there; kmalloc_node and the like are of kernels before 6.1
KERNEL_NEEDS = (
    "raw_syscalls:sys_enter",
    "raw_syscalls:sys_exit",
    *(f"kmem:{name}" for name in (*_KERNEL_TAKERS, *_KERNEL_GIVERS) if not name.endswith("_node")),
)
KERNEL_MAY = tuple(f"kmem:{name}" for name in _KERNEL_TAKERS if name.endswith("_node"))
# the kernel's stack of a thread (arch/x86, THREAD_SIZE), at whose top the registers of the user lie, with 16 bytes
# above them where the kernel knows FRED; there the code segment is that of user space (__USER_CS)
_REGISTERS = """  $t = (struct task_struct*)curtask; $top = (uint64)$t->stack + 16384 - sizeof(struct pt_regs);
  $r = (struct pt_regs*)$top; if ($r->cs != 0x33) { $r = (struct pt_regs*)($top - 16); }
"""


def kernel(pid: int, tracepoints: frozenset[str]) -> str:
    """What the kernel takes for a process, in its system calls, and gives back at any time, whoever runs.

    An address of the kernel is above 0xffff800000000000 and a number of a page is not, so both are keys of one map.
    A key that is taken again while it is held was given back unseen: n[3], and @again by who had taken it.
    """
    text = [
        _begin(),
        f"tracepoint:raw_syscalls:sys_enter /pid == {pid}/ {{",
        _REGISTERS + "  if ($r->cs == 0x33) { @user[tid] = ($r->ip, $r->sp, $r->bp); }\n}",
        f"tracepoint:raw_syscalls:sys_exit /pid == {pid}/ {{ delete(@user[tid]); }}",
    ]
    for name, (key, size) in _KERNEL_TAKERS.items():
        if f"kmem:{name}" not in tracepoints:
            continue
        text += [
            f"tracepoint:kmem:{name} /pid == {pid}/ {{",
            f"  $p = (uint64){key};",
            "  if ($p != 0) {",
            "    @n[0] = count();",
            "    if (@held[$p].1 != 0) { @n[3] = count(); @again[@kernel[$p]] = count(); }",
            f"    @held[$p] = ((uint64){size}, nsecs, @user[tid].0, @user[tid].1, @user[tid].2);",
            "    if (@held[$p].1 == 0) { @n[1] = count(); } else {",
            "    @kernel[$p] = kstack(perf);",
            f"    {_windows('$p', '@user[tid].1')} }}",
            "  }",
            "}",
        ]
    for name, key in _KERNEL_GIVERS.items():
        forget = f"{_forget('$p')} delete(@kernel[$p]);"
        text.append(
            f"tracepoint:kmem:{name} {{ $p = (uint64){key}; if (@held[$p].1 != 0) {{ {forget} }} }}"
        )
    return "\n".join(text) + "\n"


CALLS_NEED = ("raw_syscalls:sys_enter", "raw_syscalls:sys_exit")


def calls(pid: int, takes: Sequence[int], gives: Sequence[int], pairs: dict[int, int]) -> str:
    """Each of these system calls that went well, by its time and thread. pairs: of which argument the result is two
    descriptors, by the call's number.

    takes, gives: numbers of calls; of those that take, the user's stack is kept.
    """
    wanted = " ".join(f"@wanted[{one}] = 1;" for one in gives)
    wanted += " " + " ".join(f"@wanted[{one}] = 2;" for one in takes)
    lines = [
        f'BEGIN {{ {wanted} printf("self %d\\n", pid); }}',
        'interval:ms:100 { printf("in\\n"); }',
        f"tracepoint:raw_syscalls:sys_enter /pid == {pid}/ {{ if (@wanted[args->id] != 0) {{",
        _REGISTERS + "  if ($r->cs == 0x33) { @user[tid] = ($r->ip, $r->sp, $r->bp); }",
        "  @words[tid] = (args->args[0], args->args[1], args->args[2], args->args[3], args->args[4]);",
        # struct clone_args: flags, four others, stack, its size
        "  if (args->id == 435) {",
        "    @words[tid] = (*(uint64*)uptr(args->args[0]), *(uint64*)uptr(args->args[0] + 40),",
        "      *(uint64*)uptr(args->args[0] + 48), (uint64)0, (uint64)0);",
        "  }",
        "} }",
        f"tracepoint:raw_syscalls:sys_exit /pid == {pid}/ {{ if (@user[tid].1 != 0) {{",
        "  $p = nsecs; $i = args->id;",
        "  if ((int64)args->ret >= 0 || (int64)args->ret < -4095) {",
        "    @n[0] = count();",
        "    @held[$p, tid] = ((uint64)args->ret, (uint64)$i, @user[tid].0, @user[tid].1, @user[tid].2);",
        "    if (@held[$p, tid].3 == 0) { @n[1] = count(); } else {",
        "    @asked[$p, tid] = @words[tid];",
    ]
    for number, nth in pairs.items():
        lines.append(
            f"    if ($i == {number}) {{ @pair[$p, tid] = *(uint64*)uptr(@words[tid].{nth}); }}"
        )
    lines += [
        f"    if (@wanted[$i] == 2) {{ {_windows('$p, tid', '@user[tid].1')} }} }}",
        "  }",
        "  delete(@user[tid]); delete(@words[tid]);",
        "} }",
    ]
    return "\n".join(lines) + "\n"
