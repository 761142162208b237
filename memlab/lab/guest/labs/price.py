"""What finding costs: the time of an allocation, and of fork, open and pipe, with and without the tools."""

from __future__ import annotations

from memlab.lab.guest import cache, guest
from memlab.lab.guest.labs.result import Result, table
from memlab.lab.guest.packages import Say

NEEDS_FULL = False
_PLAIN = "none"
# of each kernel: what is on, and the words that make it so
_SETTINGS = {
    "quick": {_PLAIN: "", "slub_debug=U": "slub_debug=U", "slub_debug=FZPU": "slub_debug=FZPU"},
    "full": {
        _PLAIN: "kmemleak=off",
        "slub_debug=U": "kmemleak=off slub_debug=U",
        "slub_debug=FZPU": "kmemleak=off slub_debug=FZPU",
        "page_owner": "kmemleak=off page_owner=on",
        "kmemleak": "kmemleak=on",
    },
}
_NAMES = {
    "kmalloc_ns": "kmalloc + kfree",
    "vmalloc_ns": "vmalloc + vfree",
    "pages_ns": "alloc_pages + free",
    "fork": "fork + wait",
    "open": "open + close",
    "pipe": "pipe + close",
}


def measure(kernel: str, say: Say) -> dict[str, dict[str, int]]:
    """Nanoseconds by what was measured, by setting; a guest for each setting."""
    found = {}
    for name, words in _SETTINGS[kernel].items():
        with guest(kernel, append=words) as g:
            g.sample_every(30)  # looking costs too
            g.load("kprice")
            text = g.sh("cd /sys/module/kprice/parameters; grep . *; /programs/price", 300)
            found[name] = _measured(text)
            say(f"{name}: kmalloc + kfree {found[name]['kmalloc_ns']:,} ns")
    return found


def run(kernel: str, say: Say) -> Result:
    """The same as ratios to the first setting, which has nothing on."""
    found = measure(kernel, say)
    plain = found[_PLAIN]
    rows = [
        [
            title,
            f"{plain[key]:,} ns",
            *(f"{found[name][key] / plain[key]:.1f}x" for name in found if name != _PLAIN),
        ]
        for key, title in _NAMES.items()
    ]
    release = cache.ready(kernel).release
    lines = [
        f"Linux {release}: the time of each, and how many times that with a tool on (best of some rounds)",
        "",
        *table(["", *found], rows),
        "",
        "emulated by TCG: the ratios tell, the nanoseconds are the emulator's",
    ]
    return Result(tuple(lines))


def _measured(text: str) -> dict[str, int]:
    """Lines "kmalloc_ns:1234" and "fork 1234"."""
    pairs = (line.replace(":", " ").split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
