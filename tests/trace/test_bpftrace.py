"""bpftrace: who takes what in malloc, in the kernel and by system calls; and nothing stays behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import memlab
from memlab.errors import Denied, MemlabError, Unsupported
from memlab.lab.experiment import start
from memlab.model.memory import Pattern
from memlab.model.stacks import Of
from memlab.procfs import maps
from memlab.procfs.host import Host
from memlab.trace import attach, bpf_run, bpftrace, choose, elf
from memlab.trace.bounded import below
from memlab.trace.walk import link
from memlab.trace.watch import Watch
from tests.signals import heed_signals
from tests.trace.sites import first_site, stepped, traced
from tests.trace.test_strace import runs_untraced
from tests.waiting import until

PACKAGE = str(Path(memlab.__file__).parent.parent)
HEADER = 16  # of malloc, in front of each block


def refusal():
    """What keeps bpftrace from working here; None where it may."""
    if os.geteuid() != 0:
        return "only root may"
    try:
        bpf_run.check()
        bpf_run.check_uprobes()
        bpf_run.check_btf()
    except MemlabError as error:
        return str(error)
    return None


WHY = refusal()
pytestmark = [
    pytest.mark.live,
    pytest.mark.needs("bpftrace", "addr2line", "gcc"),
    pytest.mark.skipif(WHY is not None, reason=str(WHY)),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with a C library of our own; None where this Python has none that is shared."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    path = next((line.split()[5] for line in lines if line.endswith("/libc.so.6")), None)
    if path is None:
        return None
    folder = tmp_path_factory.mktemp("libc")
    shutil.copy(path, folder)
    return str(folder)


@pytest.fixture(autouse=True)
def own_libc(copied, monkeypatch):
    """A probe is one for everybody who maps the file: so the rest of the machine is spared, and other runs of this."""
    if copied is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH", copied)


@pytest.mark.parametrize("name", ["heap", "arena", "anonymous-malloc"])
def test_the_ledgers_line_is_named_first_and_has_all_bytes(name):
    stacks, ledger = traced(bpftrace, name, "c", Pattern.HEAP, events=40)
    assert first_site(stacks) == ledger["site"]
    first = stacks.stacks[0]
    assert (first.of, first.count, first.bytes) == (Of.BLOCK, 40, ledger["leaked_bytes"])
    # a header for each, and the top of the heap that malloc asks for ahead (M_TOP_PAD, 128 KiB) and touches by pages
    assert abs(stacks.residual) < 40 * (HEADER + 4096) + (128 << 10)


def test_who_leaks_is_named_where_brk_accuses_the_innocent():
    stacks, ledger = traced(bpftrace, "misblame", "c", Pattern.HEAP, events=20)
    assert ledger["site"].startswith("remember misblame.c:")
    assert (first_site(stacks), stacks.stacks[0].count) == (ledger["site"], 20)


def test_callers_are_named_although_nobody_keeps_frame_pointers():
    """The leakers are built with -O1, and Debian's C library keeps none either."""
    stacks, _ = traced(bpftrace, "heap", "c", Pattern.HEAP, events=5)
    functions = [frame.function for frame in stacks.stacks[0].frames]
    assert functions[0] == "leak"
    assert functions[1] == "event"
    assert "main" in functions
    assert not any("outer callers" in lost for lost in stacks.lost)


def test_what_is_freed_is_not_held_and_the_holes_are_told():
    stacks, ledger = traced(bpftrace, "heap", "c", Pattern.HEAP, events=20, control=True)
    assert ledger["count"] == 20
    assert not any("leak" in str(stack.site) for stack in stacks.stacks)
    holes, _ = traced(bpftrace, "heap-fragments", "c", Pattern.HEAP, events=100)
    assert any("freed memory that malloc keeps" in doubt for doubt in holes.doubts)


PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *volatile kept[9];
static void __attribute__((noinline)) one(void) { kept[0] = malloc(0); }
static void __attribute__((noinline)) two(void) { kept[1] = calloc(30, 10); }
static void __attribute__((noinline)) three(void) { kept[2] = realloc(NULL, 40); }
static void __attribute__((noinline)) four(void) { kept[3] = realloc(malloc(7), 50000); }
static void __attribute__((noinline)) five(void) { kept[4] = aligned_alloc(64, 640); }
static void __attribute__((noinline)) six(void) { void *p; if (!posix_memalign(&p, 64, 701)) kept[5] = p; }
static void __attribute__((noinline)) seven(void) { free(calloc(8, 8)); free(realloc(malloc(9), 90)); }
static void __attribute__((noinline)) eight(void) { kept[6] = strdup("nine bytes"); }
int main(void)
{
    char line[9];
    setvbuf(stdout, NULL, _IONBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin)) {
        one(); two(); three(); four(); five(); six(); seven(); eight();
        puts("done");
    }
}
"""


class Stepped:
    """A program of a test: a line in, a line out."""

    def __init__(self, folder, *flags, text=PROGRAM):
        source, program = folder / "kept.c", folder / "kept"
        source.write_text(text)
        command = ["gcc", "-O2", "-g", *flags, "-o", str(program), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        self._start([str(program)])

    @classmethod
    def of(cls, command):
        """One that is built already."""
        made = cls.__new__(cls)
        made._start(command)
        return made

    def _start(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self.process.pid
        assert self.said() == "ready"

    def said(self):
        return self.process.stdout.readline().strip()

    def step(self, events, seconds=0):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.said() == "done"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


HELD = {
    "one": (1, 0),
    "two": (1, 300),
    "three": (1, 40),
    "four": (1, 50000),
    "five": (1, 640),
    "six": (1, 701),
    "eight": (1, 11),
}


@pytest.mark.parametrize("flags", [(), ("-static",), ("-fno-omit-frame-pointer",)], ids=str)
def test_every_way_to_take_a_block_is_followed_to_its_function(tmp_path, flags):
    with Stepped(tmp_path, *flags) as program:
        stacks, _ = stepped(bpftrace, program, Pattern.HEAP)
    found = {one.site.function: (one.count, one.bytes) for one in stacks.stacks}
    expected = dict(HELD)
    if (
        "-static" in flags
    ):  # then strdup is in the program itself, and nothing tells it from the program's own
        expected["__strdup"] = expected.pop("eight")
    assert found == expected
    assert all(any(frame.function == "main" for frame in one.frames) for one in stacks.stacks)


def test_a_program_without_a_malloc_by_name_is_one_sentence(tmp_path):
    with (
        Stepped(tmp_path, "-static", "-s") as program,
        pytest.raises(Unsupported, match="no malloc with a name"),
    ):
        bpftrace.why_not(program.pid)


def test_a_full_table_is_told_and_who_leaks_is_named_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(bpf_run.bpf_script, "KEYS", 64)
    text = PROGRAM.replace("one(); two();", "for (int i = 0; i < 500; i++) one();")
    with Stepped(tmp_path, text=text) as program:
        stacks, _ = stepped(bpftrace, program, Pattern.HEAP)
    assert stacks.stacks[0].site.function == "one"
    assert stacks.count <= 64
    (told,) = [lost for lost in stacks.lost if "the table of 64 was full" in lost]
    dropped, _, rest = told.partition(" of ")
    # 500 and the 9 of the others, of which realloc's own malloc is a tenth
    assert int(dropped) >= 500 - 64
    assert 500 <= int(rest.partition(" ")[0]) <= 520


def test_it_lets_go_of_a_machine_that_it_burdens_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(bpf_run, "MOST_CALLS", 500)
    text = PROGRAM.replace("one(); two();", "for (;;) { kept[7] = malloc(99); free(kept[7]); }")
    with Stepped(tmp_path, text=text) as program:
        program.process.stdin.write("\n")
        program.process.stdin.flush()
        stacks = bpftrace.trace(program.pid, Watch(60), Pattern.HEAP)
    assert stacks.seconds < 60
    assert any("calls a second" in lost for lost in stacks.lost)


@pytest.mark.needs("strace")
def test_a_process_that_is_traced_already_can_be_asked(tmp_path):
    with Stepped(tmp_path) as program:
        tracer = subprocess.Popen(
            ["strace", "-o", "/dev/null", "-p", str(program.pid)], stderr=subprocess.DEVNULL
        )
        try:
            until(lambda: attach.tracer_of(program.pid))
            chosen = choose.choose(program.pid, (Pattern.HEAP,))
            assert chosen.engine.name == "bpftrace"
            assert any("traced by strace" in sentence for sentence in chosen.passed_over)
            stacks, _ = stepped(bpftrace, program, Pattern.HEAP)
            assert len(stacks.stacks) == len(HELD)
        finally:
            tracer.terminate()
            tracer.wait()


@pytest.mark.needs("unshare")
def test_a_process_that_sees_other_files_can_be_asked(tmp_path):
    """As in a container: its C library has a path that leads nowhere here."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    with Stepped(tmp_path) as plain:
        (one,) = [
            one
            for one in maps.read(Host(), plain.pid)
            if one.name.endswith("/libc.so.6") and "x" in one.perms
        ]
    script = (
        f"mount -t tmpfs none {hidden} && cp {one.name} {hidden}/ && "
        f"LD_LIBRARY_PATH={hidden} exec {tmp_path}/kept"
    )
    with Stepped.of(["unshare", "-m", "sh", "-c", script]) as program:
        assert not (hidden / "libc.so.6").exists()
        names = {one.name for one in maps.read(Host(), program.pid)}
        assert f"{hidden}/libc.so.6" in names
        stacks, _ = stepped(bpftrace, program, Pattern.HEAP)
    found = {one.site.function: (one.count, one.bytes) for one in stacks.stacks}
    assert found == HELD


# leaker, the function of the kernel that keeps most of it (fs/pipe.c, ipc/msgutil.c, net/core, kernel/bpf)
KERNEL = [
    ("kernel-pipes", "anon_pipe_write pipe_write"),
    ("kernel-messages", "load_msg alloc_msg"),
    ("kernel-sockets", "unix_dgram_sendmsg unix_stream_sendmsg"),
    ("kernel-bpf", "array_map_alloc"),
]


@pytest.mark.parametrize(("name", "functions"), KERNEL, ids=[case[0] for case in KERNEL])
def test_the_kernels_function_and_the_line_of_the_program_are_named(name, functions):
    stacks, ledger = traced(bpftrace, name, "c", Pattern.KERNEL, events=12)
    first = stacks.stacks[0]
    named, _, place = ledger["site"].partition(" ")
    # kernel-sockets takes at two lines of one function, and the ledger has the last of them
    assert (first.site.function, first.site.place.partition(":")[0]) == (
        named,
        place.partition(":")[0],
    )
    assert first.site.place == place or name == "kernel-sockets"
    assert first.kernel.function in functions.split()
    assert first.of in (Of.OBJECT, Of.PAGE)
    # one line may be reached by several ways
    of_site = [one for one in stacks.stacks if one.site is not None and one.site.function == named]
    assert sum(one.bytes for one in of_site) >= ledger["leaked_bytes"]
    # the kernel charges a group by up to 64 pages ahead, on each CPU (mm/memcontrol.c, MEMCG_CHARGE_BATCH)
    assert abs(stacks.residual) < stacks.growth.amount / 4 + 2 * 64 * 4096 * os.cpu_count()


CHURN = r"""
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
static int ends[2], failed;
static void __attribute__((noinline)) churns(void)
{
    failed += munmap(mmap(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
}
static int __attribute__((noinline)) keeps(void) { return pipe(ends) ? 0 : 7; }
int main(void)
{
    char line[9];
    setvbuf(stdout, NULL, _IONBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0);
    puts("ready");
    while (fgets(line, sizeof line, stdin)) {
        int kept = keeps();
        for (int i = 0; i < 3000; i++)
            churns();
        puts(kept == 7 ? "done" : "no pipe");
    }
}
"""


def test_what_is_given_back_unseen_accuses_nobody(tmp_path):
    """The kernel frees nodes of the tree of mappings after RCU, on newer kernels without a tracepoint."""
    with Stepped(tmp_path, text=CHURN) as program:
        stacks, _ = stepped(bpftrace, program, Pattern.KERNEL)
    named = {one.site.function: one.count for one in stacks.stacks if one.site is not None}
    assert stacks.stacks[0].site.function == "keeps"
    # of 3000 rounds what the last ones left to RCU, which waits for all CPUs, may still be there
    assert named.get("churns", 0) < 300


def test_what_the_kernel_gives_back_is_not_held():
    stacks, ledger = traced(bpftrace, "kernel-pipes", "c", Pattern.KERNEL, events=12, control=True)
    assert ledger["count"] == 12
    assert stacks.bytes < ledger["count"] * 4096


CALLS = [
    ("anonymous", Pattern.SHARED_ANONYMOUS, Of.MAPPING, 1, 0),
    ("thread-stack", Pattern.THREAD_STACK, Of.THREAD, 1, 4096),
    ("shm", Pattern.SHM, Of.SEGMENT, 1, 0),
    ("memfd-descriptor", Pattern.MEMFD, Of.DESCRIPTOR, 1, 0),
    ("fd-pipes", Pattern.FD, Of.DESCRIPTOR, 2, 0),
    ("fd-files", Pattern.FD, Of.DESCRIPTOR, 1, 0),
]


@pytest.mark.parametrize(
    ("name", "pattern", "of", "each", "more"), CALLS, ids=[case[0] for case in CALLS]
)
def test_what_calls_took_is_named_by_its_line_and_adds_up(name, pattern, of, each, more):
    stacks, ledger = traced(bpftrace, name, "c", pattern)
    first = stacks.stacks[0]
    assert first_site(stacks) == ledger["site"]
    assert (first.of, first.count) == (of, 6 * each)
    chunk = ledger["leaked_bytes"] // ledger["count"]
    if of is not Of.DESCRIPTOR or name == "memfd-descriptor":
        assert first.bytes == 6 * (chunk + more)
    if stacks.growth is not None and of is not Of.DESCRIPTOR:
        assert 0 <= stacks.residual < chunk
    if name.startswith("fd-"):
        assert stacks.residual == 0


def test_a_pattern_that_is_not_for_it_is_refused():
    with (
        start("tmpfs", "c", paused=True) as leaker,
        pytest.raises(Unsupported, match="--engine strace does"),
    ):
        bpftrace.why_not(leaker.pid, Pattern.TMPFS)


# ---- nothing stays behind

SCRIPT = """
import sys
from memlab.model.memory import Pattern
from memlab.trace import bpftrace
from memlab.trace.watch import Watch
bpftrace.trace(int(sys.argv[1]), Watch(60), Pattern.HEAP)
"""


def first_bytes(pid):
    """Of malloc, as the process would execute it: a probe is a breakpoint there (0xcc)."""
    one = next(
        one for one in maps.read(Host(), pid) if "x" in one.perms and "/libc.so.6" in one.name
    )
    address = symbol(link(pid, one), "malloc")
    return Host().read_at(f"/proc/{pid}/mem", one.start + address - one.offset, 1)


def symbol(path, name):
    """The offset of a function in the file, by readelf."""
    out = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True).stdout
    words = next(
        line.split()
        for line in out.splitlines()
        if line.split()[7:8] and line.split()[7].partition("@")[0] == name
    )
    address, file = int(words[1], 16), elf.read(path)
    return next(
        address - at + offset for offset, at, size in file.loads if at <= address < at + size
    )


def probed(pid):
    return first_bytes(pid) == b"\xcc"


def bpftrace_below(pid):
    return next((child for child, name in below(pid) if name == "bpftrace"), None)


def kill_in_every_way(rounds):
    """Whoever is killed, early (it compiles) and late (it is in): the breakpoints go, and the process runs on."""
    ways = [
        (who, number, late)
        for late in (True, False)
        for who in ("memlab", "bpftrace")
        for number in (9, 15, 2)
    ]
    with start("heap", "c", rate="20/s", chunk="4KiB", cap="64MiB") as leaker:
        others = mounted()
        for nth in range(rounds):
            who, number, late = ways[nth % len(ways)]
            with subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(leaker.pid)],
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": PACKAGE, "LD_LIBRARY_PATH": ""},
                preexec_fn=heed_signals,
            ) as command:
                tracer = until(lambda command=command: bpftrace_below(command.pid), 60)
                if late:
                    until(lambda: probed(leaker.pid), 60)
                if who == "memlab":
                    command.send_signal(number)
                else:
                    os.kill(tracer, number)
                command.wait(60)
                until(lambda tracer=tracer: not os.path.exists(f"/proc/{tracer}"), 60)
            assert not probed(leaker.pid)
            assert runs_untraced(leaker.pid)
            before = leaker.ledger[-1]["count"]
            until(lambda before=before: leaker.ledger[-1]["count"] > before or leaker.holding)
        assert mounted() == others


def mounted():
    """Whether the trace files are mounted for everybody, which is not for us to change."""
    return Path("/proc/self/mounts").read_text()


def test_whoever_is_killed_no_probe_is_left_behind():
    kill_in_every_way(12)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_whoever_is_killed_two_hundred_times_no_probe_is_left_behind():
    kill_in_every_way(200)


# ---- where it may not


def test_an_ordinary_user_gets_one_line_with_the_remedy():
    script = (
        "import os; from memlab.trace import bpf_run\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "bpf_run.check()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE},
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith(
        f"memlab.errors.{Denied.__name__}: bpftrace puts"
    )
    assert done.stderr.splitlines()[-1].endswith("run as root")


def test_a_kernel_that_lacks_a_tracepoint_is_told_which():
    with pytest.raises(Unsupported, match="no tracepoint kmem:nothing_like_it"):
        bpf_run.tracepoints(("kmem:kmalloc", "kmem:nothing_like_it"))


def test_a_script_that_the_kernel_or_bpftrace_refuses_is_one_line_in_its_words():
    with pytest.raises(Unsupported, match="could not attach here") as caught:
        bpf_run.Run("tracepoint:kmem:nothing { @x = 1; }", os.getpid(), Watch(1), lambda: 0)
    assert "\n" not in str(caught.value)
    assert "kmem:nothing" in str(caught.value)
