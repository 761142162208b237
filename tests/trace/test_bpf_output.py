"""What bpftrace prints, read back; and the programs that it is given. Captures are of bpftrace 0.17 on Linux 6.18."""

import pytest

from memlab.errors import Unsupported
from memlab.model.stacks import KERNEL, Frame, Of, Stack
from memlab.present.stacks import stacks_text
from memlab.trace import bpf_calls, bpf_kernel, bpf_output, bpf_run, bpf_script, syscalls
from memlab.trace.walk import Top
from tests.observe.pasted.test_tools import TOOLS

SIZE = bpf_script.WINDOW * bpf_script.WINDOWS


def said(name):
    with open(TOOLS / f"bpftrace-0.17.{name}.jsonl", encoding="utf-8") as file:
        return bpf_output.read(file)


def test_blocks_have_bytes_times_registers_and_the_top_of_the_stack():
    found = said("heap")
    assert found.printed[0].startswith("self ")
    assert (found.number(0), found.number(1), found.lost_events) == (2, 0, 0)
    one, two = sorted(bpf_output.blocks(found), key=lambda block: block.when)
    assert (one.bytes, two.bytes) == (100, 101)
    assert 0 < two.when - one.when < 0.001
    for block in (one, two):
        assert len(block.top.stack) == SIZE
        # outer() filled 64 bytes above its return address with the number that it was given: printed as letters
        assert bytes([block.bytes]) * 64 in block.top.stack
        back = block.top.word(block.top.sp + 8)
        assert 0 < back - block.top.ip < 128  # mine() returns into outer(), a few instructions on


def test_the_kernels_stack_is_read_without_the_way_in():
    found = said("kernel")
    blocks = bpf_output.blocks(found)
    functions = bpf_kernel.names(found.maps["kernel"][blocks[0].key])
    assert functions == (
        "__alloc_frozen_pages_noprof",
        "alloc_pages_mpol",
        "alloc_pages_noprof",
        "anon_pipe_write",
        "vfs_write",
        "ksys_write",
    )
    frames = tuple(Frame(name, module=KERNEL) for name in functions)
    stack = Stack(4096, 1, (*frames, Frame("leak", "/src/k.c", 8, "/bin/k")), Of.PAGE)
    assert stack.kernel.function == "anon_pipe_write"
    assert str(stack.site) == "leak k.c:8"
    assert stack.to_json()["kernel"] == "anon_pipe_write"
    assert blocks[0].address >> 63 == 0  # a page: the number of its frame


def test_addresses_of_the_kernel_are_printed_with_a_sign():
    lines = ['{"type": "map", "data": {"@held": {"-60473075941376": [64, 5, 1, 2, 3]}}}']
    (block,) = bpf_output.blocks(bpf_output.read(lines))
    assert block.address == 0xFFFFC8FFE9CF5000 or block.address >> 63 == 1
    assert block.top == Top(1, 2, 3, b"")


def test_a_window_of_another_length_counts_as_not_read():
    whole = "\\x00" * (bpf_script.WINDOW - 1) + "a"
    assert bpf_output.buffer(whole) == b"\0" * (bpf_script.WINDOW - 1) + b"a"
    # a backslash is printed as it is: here four bytes that look like one
    assert bpf_output.buffer("\\x41" + whole[12:]) is None
    mixed = "\\" + "a" * (bpf_script.WINDOW - 1)
    assert bpf_output.buffer(mixed) == mixed.encode()
    assert bpf_output.buffer("") is None


def test_lost_events_and_a_cut_line_are_told_or_left_out():
    found = bpf_output.read(
        [
            '{"type": "lost_events", "data": {"events": 7}}\n',
            "Lost 3 events\n",
            '{"type": "map", "da',
        ]
    )
    assert (found.lost_events, found.maps) == (10, {})


@pytest.mark.parametrize(
    ("functions", "is_page", "why"),
    [
        (("__alloc_frozen_pages_noprof", "allocate_slab", "___slab_alloc"), True, "cut"),
        (("___kmalloc_large_node", "__kmalloc_large_node_noprof", "load_msg"), False, None),
        (("alloc_pages_noprof", "do_anonymous_page", "handle_mm_fault"), True, "user"),
        (("folio_alloc_noprof", "filemap_alloc_folio_noprof", "vfs_read"), True, "cache"),
        (("kmem_cache_alloc_noprof", "__netif_receive_skb", "asm_sysvec_call_function"), False, "interrupt"),
        (("__kmalloc_noprof", "alloc_empty_sheaf", "mas_preallocate"), False, "cut"),
        (("alloc_pages_noprof", "anon_pipe_write"), True, None),
        ((), True, None),
    ],
)  # fmt: skip
def test_what_is_not_the_kernels_own_is_left_out(functions, is_page, why):
    assert bpf_kernel.left_out(functions, is_page) == why


def test_the_text_says_for_what_the_kernel_took_it():
    from memlab.model.stacks import Stacks

    frames = (Frame("alloc_pages_noprof", module=KERNEL), Frame("anon_pipe_write", module=KERNEL))
    stack = Stack(4096, 1, (*frames, Frame("leak", "k.c", 8, "/bin/k")), Of.PAGE)
    text = stacks_text(Stacks("bpftrace", "0.17", 1, 1.0, (stack,)))
    assert "1 × page: leak k.c:8, in the kernel anon_pipe_write" in text


def test_calls_are_written_as_strace_writes_them():
    forms = {form.name: form for form in syscalls.table("x86_64").values()}
    none = (1 << 64) - 1
    mapped = bpf_calls.call(forms["mmap"], [0, 8192, 3, 0x20022, none], 0x7F0000000000, None)
    assert mapped == "mmap(0x0, 8192, 0x3, 0x20022 MAP_STACK, -1) = 0x7f0000000000"
    assert bpf_calls.call(forms["pipe2"], [1, 0], 0, 4 | 5 << 32) == "pipe2([4, 5], 0x0) = 0"
    opened = bpf_calls.call(forms["openat"], [none - 99, 1, 0o101], 7, None)
    assert opened == 'openat(-100, "", 0x41 O_CREAT) = 7'
    cloned = bpf_calls.call(forms["clone3"], [0x10F00, 0x7F00, 0x800000, 0, 0], 77, None)
    assert cloned == "clone3(flags=0x10f00 CLONE_THREAD, stack=0x7f00, stack_size=0x800000) = 77"


def test_each_function_is_watched_where_it_returns_and_freed_where_it_begins():
    text = bpf_script.heap(7, [("/lib", frozenset(("malloc", "free", "realloc")))])
    assert 'uretprobe:"/lib":malloc /pid == 7/' in text
    assert 'uprobe:"/lib":free /pid == 7 && arg0 != 0/ { delete(@held[arg0]);' in text
    assert "calloc" not in text
    assert bpf_script.kernel_bytes() < 40 << 20


def test_no_trace_files_at_all_is_one_line(monkeypatch, tmp_path):
    empty = tmp_path / "tracefs.py"
    empty.write_text("")
    monkeypatch.setattr(bpf_run.tracefs, "__file__", str(empty))
    with pytest.raises(Unsupported, match="mount -t tracefs none /sys/kernel/tracing"):
        bpf_run.tracepoints(("kmem:kmalloc",))
