"""The quick kernel: Debian's packaged image for clouds, with its headers, unpacked and not installed.

It has SLUB's debugging and memory cgroups, and neither kmemleak nor page_owner: no Debian kernel has them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from memlab.lab.guest import cache
from memlab.lab.guest.packages import Package, Say, fetch, package, unpack

# the port that carries the channels, and what it stands on, in the order of loading
_MODULES = {
    "virtio_ring": "virtio/virtio_ring.ko",
    "virtio": "virtio/virtio.ko",
    "virtio_pci_legacy_dev": "virtio/virtio_pci_legacy_dev.ko",
    "virtio_pci_modern_dev": "virtio/virtio_pci_modern_dev.ko",
    "virtio_pci": "virtio/virtio_pci.ko",
    "virtio_console": "char/virtio_console.ko",
}


def make(say: Say, again: bool = False) -> cache.Kernel:
    """Fetch (42 MB) and unpack it, without root; `again`: also where there is one."""
    with cache.workshop("quick") as made:
        if not again and (there := cache.found("quick")):
            return there
        say("asking apt which packages it takes")
        debs = fetch(wanted := packages(), cache.root() / "fetched", say)
        say("unpacking")
        image = next(one for one in wanted if one.name.startswith("linux-image-"))
        release = image.name.removeprefix("linux-image-")
        for one in wanted:
            unpack(debs[one.name], made, _place(release))
        _settle(made, release)
        kernel = cache.Kernel(
            kind="quick",
            release=release,
            headers=f"usr/src/linux-headers-{release}",
            modules=tuple(_MODULES),
            packages={one.name: one.version for one in wanted},
        )
        kernel = cache.finish(kernel, made)
        for deb in debs.values():
            deb.unlink()
    return kernel


def packages() -> list[Package]:
    """The newest image for clouds, its headers and what builds modules for it; a static busybox."""
    image = package(package("linux-image-cloud-amd64").need(r"linux-image-\S+"))
    release = image.name.removeprefix("linux-image-")
    headers = package(f"linux-headers-{release}")
    common = package(headers.need(r"linux-headers-\S+-common"))
    return [
        image, headers, common, package(headers.need(r"linux-kbuild-\S+")), package("busybox-static"),
    ]  # fmt: skip


def _place(release: str) -> Callable[[str], str | None]:
    """Where a file of the packages goes; of the image's modules only those that the guest loads."""
    drivers = f"lib/modules/{release}/kernel/drivers/"
    chosen = {drivers + path: f"modules/{name}.ko" for name, path in _MODULES.items()}
    chosen[f"boot/vmlinuz-{release}"] = "bzImage"
    chosen[f"boot/config-{release}"] = "config"
    chosen["bin/busybox"] = chosen["usr/bin/busybox"] = "busybox"

    def place(path: str) -> str | None:
        if path.startswith(("usr/src/", "usr/lib/linux-kbuild-")):
            return path
        return chosen.get(path)

    return place


def _settle(made: Path, release: str) -> None:
    """The headers name each other by absolute paths of an installation."""
    makefile = made / "usr/src" / f"linux-headers-{release}" / "Makefile"
    common = makefile.read_text().split("/usr/src/", 1)[1].split("/", 1)[0]
    makefile.write_text(f"include $(dir $(lastword $(MAKEFILE_LIST)))../{common}/Makefile\n")
    shutil.rmtree(made / "usr/share", ignore_errors=True)
