"""Real texts of every reader, and ways to bend them."""

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from hypothesis import strategies as st

import memlab.procfs

DATA = Path(__file__).parent.parent / "data" / "proc"
SELF = Path("/proc/self")
# readers whose file has another name than they, or whose text is no file of this machine
FILES = {
    "cgroup_memory": [b"anon 8192\nfile 4096\n", b"low 0\nmax 7\noom_kill 1\n"],
    "comm": [b"a name\n"],
    "consoles": [
        b"tty0                 -WU (EC  p  )    4:1\nttyS0                -W- (E   p a)    4:64\n"
    ],
    "cpus": [b"0-3,8\n"],
    "allocinfo": [
        b"allocinfo - version: 1.0\n# <size>\n 4096 1 mm/slub.c:7 [m] func:f accurate:no\n"
    ],
    "cgroup_pids": [b"max\n", b"128\n"],
    "dentry_state": [b"89453\t62163\t45\t0\t17\t0\n"],
    "fd": [],
    "kmsg": [b"6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n", b"12,1,0,c;a\\x0ab"],
    "maps_table": ["maps"],
    "oom_score": ["oom_score"],
    "numa_maps": [b"00400000 default file=/a\\040b mapped=3 N0=1 kernelpagesize_kB=4\n"],
    "oom_report": [path.read_bytes() for path in (DATA.parent / "oom").glob("*.txt")],
    "pressure": ["pressure/memory"],
    "printk": [b"7\t4\t1\t7\n"],
    "syscall": [b"0 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", b"-1 0x1 0x2\n", b"running\n"],
    "sysvipc_msg": [
        b"key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime\n"
        b" 0 5 644 16 1 42 0 0 0 0 0 1 0 1\n"
    ],
    "kmemleak": [
        b"unreferenced object 0xffff888003a0a400 (size 1024):\n"
        b'  comm "insmod", pid 104, jiffies 4294893523 (age 12.345s)\n'
        b"  backtrace:\n    [<ffffffffa0000035>] leak+0x35/0x40 [kleak]\n"
    ],
    "sysvipc_shm": [
        b"key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap\n"
        b" 1 5 1600 4096 42 42 1 0 0 0 0 1 0 1 4096 0\n"
    ],
    "vm": [b"65530\n"],
    "vmallocinfo": [
        b"0x00000000c6f2b3a1-0x00000000d3a1b2c4 20480 f+0x1/0x2 [m] pages=4 vmalloc N0=4\n"
    ],
}


def readers():
    """The names of all modules of procfs that make a record of one text."""
    found = []
    for module in pkgutil.iter_modules(memlab.procfs.__path__):
        parse = getattr(import_module(f"memlab.procfs.{module.name}"), "parse", None)
        if parse is not None and next(iter(inspect.signature(parse).parameters)) == "text":
            found.append(module.name)
    return found


@cache
def texts(name):
    """Real texts of this reader: of other kernels, of this one, and what is written above."""
    found = [one for one in FILES.get(name, []) if isinstance(one, bytes)]
    names = [one for one in FILES.get(name, [name]) if isinstance(one, str)]
    for file in names:
        places = [*DATA.rglob(file), SELF / file, Path("/proc") / file]
        for path in places:
            try:
                found.append(path.read_bytes())
            except OSError:
                continue
    return [one for one in found if one]


PIECES = st.sampled_from(
    [b"", b"\n", b"\n\n", b"\r\n", b" ", b":", b" kB", b"-", b"\0", b"\xff", b"9" * 40, b"-1", b"0x", b"(", b")",
     b"VmFlags: rd \n", b"Rss: 4 kB\n", b"7f00-7f01 rw-p 0 0:0 0 \n", "٣".encode(), b"=", b"\\012", b"\t"]
)  # fmt: skip


@st.composite
def bent(draw, whole):
    """A real text with a piece cut out, put in, moved or doubled, some times over."""
    text = draw(st.sampled_from(whole))
    if len(text) > 6000:  # a part with whole lines is as good, and soon done
        begin = text.find(b"\n", draw(st.integers(0, len(text) - 6000))) + 1
        text = text[begin : begin + 5000] if draw(st.booleans()) else text[:5000]
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
        end = min(end, at + draw(st.sampled_from([0, 1, 8, 200])))
        middle = draw(PIECES | st.binary(max_size=4) | st.just(text[at:end] * 2))
        text = text[:at] + middle + text[end:]
        lines = text.splitlines(keepends=True)
        if len(lines) > 1 and draw(st.booleans()):
            one, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
            lines[one], lines[other] = lines[other], lines[one]
            text = b"".join(lines)
    return text
