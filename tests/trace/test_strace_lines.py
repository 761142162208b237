"""Lines of strace, read as calls, and what the calls leave behind."""

from memlab.model.stacks import Of
from memlab.model.strace_lines import END, Call, read, split
from memlab.trace.held import Account, foreign

PAGE = 4096


def account(*lines, **known):
    found = Account(1, **known)
    for call in read(lines):
        found.take(call)
    return found


def sizes(found):
    return [(start, size) for start, size, _ in found.mappings]


def test_arguments_are_parted_at_their_own_commas_only():
    assert split('3</a, b>, "x, \\"y", {a=1, b=[2, 3]}, 1<<12, A|B) = 0') == [
        "3</a, b>", '"x, \\"y"', "{a=1, b=[2, 3]}", "1<<12", "A|B",
    ]  # fmt: skip


def test_the_result_is_the_last_one_and_an_interrupted_call_is_whole():
    lines = (
        "7 1.0 mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</memfd:a) = 9>, 0 <unfinished ...>",
        "8 1.1 close(5</x>)                       = 0",
        "7 1.2 <... mmap resumed>)                = 0x7000",
        " > /lib/libc.so.6(mmap+0x1) [0x10]",
        " > /bin/prog(leak+0x2) [0x20]",
        "7 1.3 +++ exited with 0 +++",
    )
    close, mmap, end = read(lines)
    assert (close.name, close.pid, close.value) == ("close", 8, 0)
    assert (mmap.name, mmap.pid, mmap.value, len(mmap.frames)) == ("mmap", 7, 0x7000, 2)
    assert mmap.words[4] == "3</memfd:a) = 9>"
    assert end == Call(7, "1.3", END)


def test_a_part_that_is_unmapped_leaves_the_rest_with_its_stack():
    found = account(
        f"1 1.0 mmap(NULL, {4 * PAGE}, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x10000",
        " > /bin/prog(leak+0x2) [0x20]",
        f"1 1.1 munmap(0x11000, {PAGE}) = 0",
    )
    assert sizes(found) == [(0x10000, PAGE), (0x12000, 2 * PAGE)]
    assert {held.frames for _, _, held in found.mappings} == {("/bin/prog(leak+0x2) [0x20]",)}


def test_what_was_refused_took_nothing():
    found = account(
        "1 1.0 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = -1 ENOMEM (No memory)",
        "1 1.0 openat(AT_FDCWD</>, 0x1, O_RDONLY) = -1 ENOENT (No such file or directory)",
    )
    assert sizes(found) == []
    assert found.descriptors == {}


def test_moving_what_was_there_before_takes_the_new_part_only():
    found = account(f"1 1.0 mremap(0x10000, {PAGE}, {3 * PAGE}, MREMAP_MAYMOVE) = 0x50000")
    assert sizes(found) == [(0x51000, 2 * PAGE)]


def test_both_ends_of_a_pair_are_held_until_each_is_closed():
    found = account(
        "1 1.0 pipe2([3<pipe:[12]>, 4<pipe:[12]>], 0) = 0",
        "1 1.0 socketpair(AF_UNIX, SOCK_STREAM, 0, [5<socket:[1]>, 6<socket:[2]>]) = 0",
        "1 1.1 close(4<pipe:[12]>) = 0",
        "1 1.1 dup2(3<pipe:[12]>, 9) = 9<pipe:[12]>",
        "1 1.1 fcntl(3<pipe:[12]>, F_DUPFD_CLOEXEC, 10) = 10<pipe:[12]>",
        "1 1.1 close_range(5, 6, 0) = 0",
    )
    assert sorted(found.descriptors) == [3, 9, 10]


def test_a_stack_belongs_to_the_thread_that_clone_started_on_it():
    new = (
        f"1 1.0 mmap(NULL, {8 * PAGE}, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_STACK, -1, 0) = 0x10000",
        " > /bin/prog(leak+0x2) [0x20]",
        "1 1.1 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x10000, stack_size=0x7fc0} => {x=[5]}, 88) = 5",
    )
    (_, _, held), *_ = account(*new).mappings
    assert (held.of, held.thread) == (Of.THREAD, 5)
    old = (
        *new[:2],
        f"1 1.1 clone(child_stack={0x10000 + 8 * PAGE:#x}, flags=CLONE_VM|CLONE_THREAD) = 5",
    )
    (_, _, held), *_ = account(*old).mappings
    assert (held.of, held.thread) == (Of.THREAD, 5)


def test_calls_of_children_are_not_those_of_the_process():
    calls = list(
        read(
            (
                "1 1.0 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 5",
                "5 1.1 clone(child_stack=0x1000, flags=CLONE_VM|CLONE_THREAD) = 6",
                "1 1.2 clone(child_stack=0x1000, flags=CLONE_VM|CLONE_THREAD) = 7",
                "7 1.3 clone(child_stack=NULL, flags=SIGCHLD) = 8",
            )
        )
    )
    assert foreign(calls) == {5, 6, 8}


def test_a_file_in_memory_is_charged_to_who_made_it_and_another_to_who_writes():
    def made(path):
        return path.startswith("/shm/")

    found = account(
        '1 1.0 openat(AT_FDCWD</>, "/shm/new", O_WRONLY|O_CREAT, 0600) = 3</shm/new>',
        " > /bin/prog(make+0x2) [0x20]",
        '1 1.0 write(3</shm/new>, ""..., 100) = 100',
        " > /bin/prog(fill+0x2) [0x30]",
        '1 1.0 write(4</shm/old>, ""..., 70) = 70',
        " > /bin/prog(fill+0x2) [0x30]",
        '1 1.0 write(5</disk/x>, ""..., 999) = 999',
        '1 1.0 openat(AT_FDCWD</>, "/shm/gone", O_WRONLY|O_CREAT, 0600) = 6</shm/gone>',
        '1 1.1 unlink("/shm/gone") = 0',
        on_tmpfs=made,
    )
    charged = {
        path: [(one.frames[0][10:14], one.bytes) for one in parts]
        for path, parts in found.files.items()
    }
    assert charged == {"/shm/new": [("make", 100)], "/shm/old": [("fill", 70)]}


def test_brk_is_counted_and_charged_to_nobody():
    found = account(
        "1 1.0 brk(0x22000) = 0x22000", "1 1.1 brk(NULL) = 0x22000", brk=(0x1000, 0x1000)
    )
    assert found.brk == (0x1000, 0x22000)
    assert found.brk_moves == 1
    assert sizes(found) == []
