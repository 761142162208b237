"""Levels, limits, consoles and the ring buffer: on this kernel, and as the kernel's documents show them."""

import os
from pathlib import Path

import pytest

from memlab.errors import Denied, Malformed, Unsupported
from memlab.procfs import consoles, kmsg, printk
from memlab.procfs.host import Host

HOST = Host()
OOM = Path(__file__).parent.parent / "data" / "oom"
# Documentation/filesystems/proc.rst has the flags; a virtual machine with a screen, a serial line and netconsole
SEVERAL = b"""tty0                 -WU (EC  p  )    4:7
ttyS0                -W- (E   p a)    4:64
netcon0              -W- (E  Np  )
"""


def test_consoles_are_read_by_field():
    screen, serial, network = consoles.parse(SEVERAL)
    assert (screen.name, screen.can, screen.flags, screen.device) == ("tty0", "WU", "ECp", (4, 7))
    assert (screen.preferred, serial.preferred) == (True, False)
    assert (serial.flags, serial.device, serial.enabled) == ("Epa", (4, 64), True)
    assert (network.name, network.device) == ("netcon0", None)
    assert consoles.parse(b"") == ()


@pytest.mark.parametrize(
    "line", [b"tty0", b"tty0 -W- EC", b"tty0 XYZ (EC) 4:7", b"tty0 -W- (EC) 4:"]
)
def test_what_is_no_console_is_malformed(line):
    with pytest.raises(Malformed, match="consoles:1"):
        consoles.parse(line + b"\n")


def test_the_consoles_of_this_machine():
    text = Path("/proc/consoles").read_text()
    found = consoles.read(HOST)
    assert [one.name for one in found] == [line.split()[0] for line in text.splitlines()]
    assert [one.enabled for one in found] == ["(E" in line for line in text.splitlines()]


def test_the_limits_of_this_machine():
    limits = printk.read_limits(HOST)
    assert limits.devkmsg in ("on", "off", "ratelimit", None)
    for name in ("ratelimit", "ratelimit_burst", "delay"):
        file = Path(f"/proc/sys/kernel/printk_{name}")
        if os.access(file, os.R_OK):
            assert getattr(limits, name) == int(file.read_text())
    assert limits.dmesg_restrict == int(Path("/proc/sys/kernel/dmesg_restrict").read_text())


def test_what_a_kernel_does_not_have_is_none(tmp_path):
    folder = tmp_path / "proc/sys/kernel"
    folder.mkdir(parents=True)
    (folder / "printk_devkmsg").write_text("off\n")
    assert printk.read_limits(Host(tmp_path)) == printk.Limits(None, None, "off", None, None, None)


def test_a_record_is_read_by_field():
    record = kmsg.parse(b"4,365,3219798249,-;oomleak invoked oom-killer: order=0\n SUBSYSTEM=x\n")
    assert (record.facility, record.level, record.sequence) == (0, 4, 365)
    assert record.seconds == pytest.approx(3219.798249)
    assert record.text == "oomleak invoked oom-killer: order=0"
    assert kmsg.parse(b"15,1,2,-,caller=T1;a;b").facility == 1
    assert kmsg.parse(b"15,1,2,-,caller=T1;a;b").text == "a;b"


@pytest.mark.parametrize("text", [b"", b"4,1,2;a", b"x,1,2,-;a", b"[ 12.0] a", b"-1,1,2,-;a"])
def test_what_is_no_record_is_malformed(text):
    with pytest.raises(Malformed):
        kmsg.parse(text)


def test_a_ring_without_the_file_or_the_right_says_what_to_do(tmp_path):
    with pytest.raises(Unsupported, match="hand over a log file"):
        list(kmsg.ring(str(tmp_path / "kmsg")))
    if os.getuid() == 0:
        return
    (tmp_path / "shut").touch(mode=0)
    with pytest.raises(Denied, match="run as root"):
        list(kmsg.ring(str(tmp_path / "shut")))


def test_the_ring_buffer_of_this_machine():
    try:
        records = list(kmsg.ring())
    except (Denied, Unsupported) as error:
        pytest.skip(str(error))
    sequences = [record.sequence for record in records]
    assert sequences == sorted(set(sequences))
    assert all(0 <= record.level <= 7 for record in records)
