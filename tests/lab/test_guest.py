"""The guest: it boots, leaks, is judged, reboots, and is gone whatever ends its driver."""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import memlab
from memlab.cli import kernel_lab
from memlab.diagnose.machine import diagnose_machine
from memlab.errors import Gone, MemlabError, Refused
from memlab.lab.guest import Guest, cache, packages
from memlab.model.diagnosis import Verdict
from memlab.observe.files import open_recording, save_recording
from memlab.procfs import vmallocinfo
from memlab.units import GIB, KIB, MIB
from tests.guests import need_quick
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.needs("qemu-system-x86_64"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def kernel() -> cache.Kernel:
    return need_quick()


@pytest.fixture(scope="module")
def g(kernel: cache.Kernel) -> Iterator[Guest]:
    """One guest for all tests that leave it as they found it, but for a leak."""
    with memlab.guest() as guest:
        guest.sample_every(0.2)
        yield guest


def grown(g: Guest, field: str, since: int) -> int:
    return int(getattr(g.next_sample().meminfo, field)) - since


def test_a_command_is_answered_with_its_output_and_its_status(g: Guest) -> None:
    answer = g.run("echo 'two  words'; echo to stderr >&2; exit 3")
    assert answer.text == "two  words\nto stderr\n"
    assert answer.status == 3
    assert g.sh("printf 'no newline'") == "no newline"
    with pytest.raises(MemlabError, match="ended with 1"):
        g.sh("false")


def test_a_command_that_takes_too_long_is_left_behind(g: Guest) -> None:
    with pytest.raises(Gone):
        g.sh("sleep 3; echo late", seconds=0.3)
    assert g.sh("echo next") == "next\n"


def test_it_has_no_network_and_nothing_of_the_host(g: Guest) -> None:
    assert g.sh("ls /sys/class/net").split() in ([], ["lo"])
    assert "virtio-blk" not in g.sh("ls /sys/block; cat /proc/partitions")
    assert g.sh("uname -r").strip() == g.kernel.release


def test_what_a_module_leaks_stays_after_rmmod_and_is_named(g: Guest, tmp_path: Path) -> None:
    first = g.next_sample()
    before = first.meminfo
    assert before is not None and before.s_unreclaim and before.vmalloc_used
    g.load("kleak", kmalloc_kb=256, vmalloc_kb=256, times=0)
    for n in range(1, 21):
        g.step()
        g.next_sample()
        assert g.parameter("kleak", "events") == n
    leaking = g.window(first.index)  # a second later it rests, and nobody knows whether for good
    wanted = 20 * 256 * KIB
    areas = vmallocinfo.read(g.next_sample().host)
    ours = [area for area in areas if (area.caller or "").startswith("leak_vmalloc+")]
    assert sum(area.bytes or 0 for area in ours) == wanted
    # what else the kernel takes and gives back meanwhile, as stacks of 16 KiB (THREAD_SIZE), is less than this
    wanted -= 256 * KIB
    assert grown(g, "s_unreclaim", before.s_unreclaim) >= wanted
    assert grown(g, "vmalloc_used", before.vmalloc_used) >= wanted
    g.unload("kleak")
    assert grown(g, "s_unreclaim", before.s_unreclaim) >= wanted
    assert grown(g, "vmalloc_used", before.vmalloc_used) >= wanted

    save_recording(leaking, tmp_path / "guest.tar.gz")
    found = diagnose_machine(open_recording(tmp_path / "guest.tar.gz"))
    assert found.verdict is Verdict.LEAK
    where = {finding.where for finding in found.findings}
    assert "vmalloc memory that the kernel's function leak_vmalloc [kleak] asked for" in where
    assert "the kernel's vmalloc, without stacks" not in where
    # there are a hundred caches, so that one of them needs more floors than their sum: either names it
    assert where & {"slab cache kmalloc-1k", "the kernel's slab, not reclaimable"}


def test_what_a_program_leaks_ends_with_it(g: Guest) -> None:
    before = g.next_sample().meminfo
    assert before is not None
    pid = g.start("/programs/heap", "--rate", "64MiB/s", "--cap", "16MiB", "--count", "200")
    g.wait_for(
        lambda s: s.meminfo is not None and s.meminfo.anon_pages > before.anon_pages + 10 * MIB
    )
    g.sh(f"kill -9 {pid}")
    g.wait_for(lambda s: s.meminfo is not None and s.meminfo.anon_pages < before.anon_pages + MIB)


def test_a_process_of_the_guest_is_an_ordinary_recording(g: Guest) -> None:
    pid = g.start("/programs/anonymous", "--rate", "64MiB/s", "--cap", "24MiB")
    g.watch(pid)
    sample = g.wait_for(lambda s: s.statm is not None and s.statm.resident > 20 * MIB)
    assert sample.regions is not None
    assert g.recording.header.pid == pid
    assert g.recording.series("type.private_anonymous").values[-1] > 20 * MIB
    g.sh(f"kill -9 {pid}")


def test_a_reboot_gives_everything_back_and_a_panic_ends_it(kernel: cache.Kernel) -> None:
    with memlab.guest() as g:
        before = g.next_sample().meminfo
        assert before is not None and before.s_unreclaim
        g.load("kleak", kmalloc_kb=8192)
        # of 8 MiB: what the boot has left of its own may go meanwhile
        assert grown(g, "s_unreclaim", before.s_unreclaim) > 7 * MIB
        g.reboot()
        assert abs(grown(g, "s_unreclaim", before.s_unreclaim)) < 2 * MIB
        times = [sample.monotonic for sample in g.samples]
        assert times == sorted(times)
        with pytest.raises(Gone):
            g.sh("echo c > /proc/sysrq-trigger")
        assert g.wait_until_over(30)
        assert "Kernel panic" in g.console.text


def test_a_lab_that_may_make_its_kernel_fetches_nothing_where_there_is_one(
    kernel: cache.Kernel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(*_: object) -> None:
        pytest.fail("it fetches what is there")

    monkeypatch.setattr(packages, "fetch", never)
    parser = argparse.ArgumentParser()
    kernel_lab.add_arguments(parser)
    assert kernel_lab.run(parser.parse_args(["oom", "--make"])) == 0
    assert f"Linux {kernel.release}" in capsys.readouterr().out


def test_more_memory_than_the_machine_can_bear_is_refused(kernel: cache.Kernel) -> None:
    with pytest.raises(Refused), memlab.guest(memory=4096 * GIB):
        pass


DRIVER = """
import sys, memlab
with memlab.guest() as g:
    print(g.sh("echo up").strip(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("whom", ["driver", "keeper", "both"])
def test_kill_9_leaves_no_qemu_and_no_file(kernel: cache.Kernel, whom: str) -> None:
    before = cached()
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "up\n"
        keeper = only_child(driver.pid)
        qemu = only_child(keeper)
        assert "qemu" in Path(f"/proc/{qemu}/cmdline").read_text()
        files = Path(f"/proc/{qemu}/fd")
        opened = [os.readlink(link) for link in files.iterdir() if link.is_symlink()]
        assert [path for path in opened if path.startswith(("/tmp", "/var", "/dev/shm"))] == []
        watched = os.pidfd_open(qemu)
        for pid in {"driver": [driver.pid], "keeper": [keeper], "both": [driver.pid, keeper]}[whom]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: ended(watched), 10)
        os.close(watched)
        driver.kill()
    assert cached() == before


def cached() -> list[Path]:
    """What a guest boots from; beside it others may be building kernels and modules."""
    return sorted((cache.root() / "quick").rglob("*"))


def only_child(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def ended(pidfd: int) -> bool:
    """Whether it has ended: a pidfd is readable then, also while nobody has waited for it (pidfd_open(2))."""
    return bool(select.select([pidfd], [], [], 0)[0])
