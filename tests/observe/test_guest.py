"""The stream out of a guest becomes samples, however its bytes are cut."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from memlab.observe.files import open_recording, save_recording
from memlab.observe.guest import GuestStream

NONCE = "0123456789abcdef"
HOST = {"name": "guest", "page_bytes": 4096}


def instant(free: int, begin: float) -> bytes:
    meminfo = f"MemTotal: 1000 kB\nMemFree: {free} kB\n"
    return (
        f"{NONCE} /proc/meminfo\n{meminfo}{NONCE} /proc/vmstat\nnr_free_pages 1\n"
        f"{NONCE} end {begin:.2f} {begin + 0.1:.2f}\n"
    ).encode()


FACTS = f"{NONCE} reclaimable\n/sys/kernel/slab/:a-0000016/reclaim_account:1\n".encode()


def fed(*pieces: bytes) -> GuestStream:
    stream = GuestStream(NONCE)
    for piece in pieces:
        stream.feed(piece)
    return stream


@pytest.mark.parametrize("seed", range(20))
def test_cut_anywhere_it_gives_the_same_samples(seed: int) -> None:
    whole = FACTS + instant(900, 5) + instant(800, 6)
    cuts = sorted(random.Random(seed).sample(range(1, len(whole)), 7))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    samples = fed(*pieces).samples
    assert [one.meminfo.mem_free for one in samples if one.meminfo] == [900 << 10, 800 << 10]
    assert [one.monotonic for one in samples] == pytest.approx([5.05, 6.05])
    assert samples[0].texts.files["/proc/vmstat"] == b"nr_free_pages 1\n"


def test_an_instant_that_has_not_ended_is_none() -> None:
    whole = instant(900, 5)
    assert fed(whole[:-1]).samples == ()
    assert len(fed(whole).samples) == 1


def test_what_is_said_once_of_slab_caches_stands_in_the_last_sample() -> None:
    stream = fed(FACTS + instant(900, 5) + instant(800, 6))
    path = "/sys/kernel/slab/:a-0000016/reclaim_account"
    first, last = stream.recording(HOST, {}).samples
    assert path not in first.texts.files
    assert last.texts.files[path] == b"1\n"


@pytest.mark.parametrize(
    ("before", "after"), [((50, 51), 3), ((2, 3), 2.5)], ids=["late", "right after the boot"]
)
def test_after_a_reboot_time_goes_on(before: tuple[float, float], after: float) -> None:
    stream = fed(*(instant(9, at) for at in (*before, after)))
    times = [one.monotonic for one in stream.samples]
    assert times == sorted(times)
    assert times[2] - times[1] == pytest.approx(1, abs=0.2)


def test_events_are_in_the_next_instant_and_survive_a_file(tmp_path: Path) -> None:
    stream = fed(instant(900, 5))
    stream.mark(event="load", module="kleak")
    stream.feed(instant(800, 6))
    save_recording(stream.recording(HOST, {}), tmp_path / "guest.tar.gz")
    found = open_recording(tmp_path / "guest.tar.gz")
    assert [sample.events for sample in found] == [(), ({"event": "load", "module": "kleak"},)]
    assert found.header.target == {"machine": "guest", "pid": 0}


def test_noise_between_the_files_is_passed_over() -> None:
    stream = fed(b"init: starts\n\xff\xfe\n" + instant(900, 5))
    assert len(stream.samples) == 1
