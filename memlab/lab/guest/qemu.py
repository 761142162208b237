"""QEMU's command line for a guest: no network, no disk, no display; one socket for each channel."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

from memlab.errors import Unsupported
from memlab.lab.guest.cache import Kernel
from memlab.units import MIB

PROGRAM = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"
CHANNELS = ("console", "shell", "samples", "control")
# the emulator itself: translated code (its cache is bounded below), devices, heap
OVERHEAD = 256 * MIB
_TRANSLATED = 64  # MiB of translated code; the kernel and busybox need a third of that


@dataclass(frozen=True)
class Machine:
    """What the guest is given: memory in bytes, CPUs, and words for its kernel's command line."""

    memory: int = 192 * MIB
    cpus: int = 1
    append: tuple[str, ...] = ()
    loglevel: int = 4
    extra: tuple[str, ...] = field(default=())


def program() -> str:
    """Where QEMU is. Raises Unsupported with what to install."""
    path = shutil.which(PROGRAM)
    if path is None:
        root = "" if os.geteuid() == 0 else "sudo "
        raise Unsupported(
            f"{PROGRAM} is missing",
            f"{root}apt-get install --no-install-recommends {PACKAGE}",
        )
    return path


def argv(
    kernel: Kernel, machine: Machine, initrd: int, ends: dict[str, int], nonce: str
) -> list[str]:
    """The command; `initrd` and `ends` are descriptors that QEMU inherits, an end for each of CHANNELS."""
    words = [
        program(),
        *("-accel", f"tcg,tb-size={_TRANSLATED}", "-machine", "pc,usb=off", "-nodefaults"),
        *("-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"),
        # the emulator may neither start programs nor gain rights
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-m", f"{machine.memory // MIB}M", "-smp", str(machine.cpus)),
        *("-kernel", str(kernel.image), "-initrd", f"/proc/self/fd/{initrd}"),
        *("-append", " ".join(_command_line(machine, nonce))),
    ]
    for name in CHANNELS:
        words += ["-chardev", f"socket,id={name},fd={ends[name]}"]
    words += ["-serial", "chardev:console", "-device", "virtio-serial-pci"]
    for name in ("shell", "samples"):
        words += ["-device", f"virtserialport,chardev={name},name=memlab.{name}"]
    return [*words, "-mon", "chardev=control,mode=control", *machine.extra]


def _command_line(machine: Machine, nonce: str) -> list[str]:
    """panic=-1: a kernel that panics reboots at once, and -no-reboot makes that the end."""
    return [
        *("console=ttyS0,115200", f"loglevel={machine.loglevel}", "panic=-1", "no_hash_pointers"),
        # nothing of this is there: the kernel need not wait for it
        *("i8042.noaux", "i8042.nokbd", "tsc=reliable", "mitigations=off", "apparmor=0", "nokaslr"),
        # emulated, ACPI's interpreter takes most of the boot for the interrupts of PCI (_PRT), and with slub_debug on
        # a busy machine more than the 30 s that it allows itself. Without ACPI at all there is no clock finer than
        # a tick, and a second processor is told of with the interrupts only
        *(("acpi=noirq",) if machine.cpus == 1 else ()),
        *(f"memlab.nonce={nonce}", *machine.append),
    ]
