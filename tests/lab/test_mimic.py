"""`mimic` against leakers that run: the same pattern, profile and numbers must come out again.

Some run side by side, each watched by a thread of its own, so that the table takes few windows; not
all, so that none of them is held up.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memlab import mimic
from memlab.errors import Unsupported
from memlab.lab.build import program
from memlab.lab.experiment import start
from memlab.lab.mimic import reenact
from memlab.lab.moves import BOUNDS
from memlab.lab.registry import leakers
from memlab.model.recording import Header, Recording
from memlab.model.sample import Sample
from memlab.model.shapes import PROFILES
from memlab.observe.files import open_recording, save_recording
from memlab.present.mimic import mimicry_figure, mimicry_text
from memlab.procfs.host import InstantTexts
from memlab.session import watch_and_diagnose
from memlab.units import MIB, parse_bytes, parse_rate, parse_seconds

SECONDS, AT_ONCE = 9, 4
CHUNK = {"chunk": "256KiB"}
CASES = {
    "linear": ("heap", "c", {"rate": "3MiB/s", "touch": 0.5}),
    "python": ("anonymous-objects", "python", {"rate": "2MiB/s", "cap": "64MiB"}),
    "stacks": ("thread-stack", "python", {"rate": "2/s", "cap": "1GiB"}),
    "tmpfs": ("tmpfs", "c", {"rate": "4MiB/s"}),
    "step": ("anonymous", "c", {"rate": "4MiB/s", "profile": "step", "period": 2}),
    "accelerating": ("anonymous", "c", {"rate": "6MiB/s", "profile": "accelerating", "period": 8, **CHUNK}),
    "sawtooth": ("anonymous", "python", {"rate": "8MiB/s", "profile": "sawtooth-with-drift", "period": 1.8, **CHUNK}),
    "bursty": ("anonymous", "c", {"rate": "4MiB/s", "profile": "bursty", "period": 0.5, "seed": 6, **CHUNK}),
}  # fmt: skip
LOOKALIKES = {
    "warm-up": ("warm-up", "c", {"rate": "4MiB/s", "cap": "12MiB"}),
    "cyclic": ("sawtooth", "c", {"rate": "8MiB/s", "cap": "16MiB"}),
    "jump": ("burst", "c", {"rate": "1/s", "cap": "16MiB"}),
    "pool": ("thread-pool", "c", {"rate": "4/s", "cap": "16MiB"}),
    "control": ("heap", "c", {"rate": "3MiB/s", "control": True}),
}


def recorded(case, folder, seconds=SECONDS):
    """A recording of one case from its first event on, through a file."""
    name, lang, options = case
    with start(name, lang, paused=True, **{"cap": "128MiB", **options}) as run:
        run.resume()
        _, seen = watch_and_diagnose(run.pid, seconds)
    path = folder / f"{name}-{id(case)}.tar.gz"
    save_recording(seen, path)
    return path


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, cases = tmp_path_factory.mktemp("recorded"), {**CASES, **LOOKALIKES}
    with ThreadPoolExecutor(AT_ONCE) as watchers:
        made = watchers.map(lambda case: recorded(case, folder), cases.values())
        return dict(zip(cases, made, strict=True))


def asked(options, leaker, name):
    """An option of a leaker in numbers, or its default."""
    value = str(
        options.get(name, {"chunk": leaker.chunk_bytes, "period": 10, "touch": 1}.get(name))
    )
    return {"chunk": parse_bytes, "period": parse_seconds, "touch": float}[name](value)


def payload(options, leaker):
    """Bytes a second, as --rate counts them."""
    rate = parse_rate(str(options["rate"]))
    return rate.bytes_per_second or rate.events_per_second * asked(options, leaker, "chunk")


def assert_it_is_the_same_leak(found, case):
    name, lang, options = case
    truth, best = leakers()[name], found.best
    assert best is not None, found.why
    leaker = leakers()[best.leaker]
    assert (leaker.pattern, best.lang, best.is_lookalike) == (truth.pattern, lang, False)
    profile = options.get("profile", "linear")
    assert best.profile == profile, mimicry_text(found)
    rates = [payload(best.options, leaker), payload(options, truth)]
    periods = [asked(best.options, leaker, "period"), asked(options, truth, "period")]
    if profile == "accelerating":  # a curve shows rate / period, and neither of them
        rates = [rate / period for rate, period in zip(rates, periods, strict=True)]
    assert rates[0] == pytest.approx(rates[1], rel=0.1), best.command
    if profile not in ("linear", "accelerating"):
        assert periods[0] == pytest.approx(periods[1], rel=0.2), best.command
    if truth.touch == "share":
        touched = asked(best.options, leaker, "touch")
        assert touched == pytest.approx(asked(options, truth, "touch"), abs=0.05)
    assert best.distance.share < 0.1


@pytest.mark.live
@pytest.mark.parametrize("case", CASES)
def test_a_leak_is_named_with_its_profile_and_its_numbers(paths, case):
    assert_it_is_the_same_leak(mimic(open_recording(paths[case])), CASES[case])


@pytest.mark.live
@pytest.mark.parametrize("case", [case for case in LOOKALIKES if case != "control"])
def test_a_look_alike_is_named_and_called_no_leak(paths, case):
    name, _, options = LOOKALIKES[case]
    found = mimic(open_recording(paths[case]))
    assert found.best is not None, found.why
    assert (found.best.leaker, found.best.is_lookalike) == (name, True), mimicry_text(found)
    if "cap" in options:
        cap = parse_bytes(found.best.options["cap"])
        assert cap == pytest.approx(parse_bytes(options["cap"]), rel=0.1)
    assert "no leak" in mimicry_text(found)


@pytest.mark.live
def test_of_what_does_not_grow_nothing_is_proposed(paths):
    found = mimic(open_recording(paths["control"]))
    assert found.best is None
    assert found.to_json()["proposal"] is None
    assert "nothing to re-enact: flat" in mimicry_text(found)
    with pytest.raises(Unsupported, match="nothing to run"):
        reenact(found)


@pytest.mark.live
@pytest.mark.parametrize("case", ["step", "sawtooth", "linear"])
def test_the_proposal_run_draws_the_recorded_curve(paths, case):
    """Measured: its own recording against the first one.

    What moves right at a reading may show there in one of them and not in the other: for the largest
    move, that is its size for as long as until the next reading.
    """
    recorded = mimic(open_recording(paths[case]))
    found = reenact(recorded, seconds=6)
    growth, off = found.growth, found.reenacted.distance
    times = recorded.growth.times  # as far apart as the machine let them be
    assert found.reenacted.growth.times[-1] == pytest.approx(times[times <= 6][-1], abs=0.7)
    misread = np.abs(np.diff(growth.values)).max() * np.sqrt(np.diff(growth.times).max() / 6)
    assert off.size < misread + 0.05 * np.ptp(growth.values), mimicry_text(found)
    title = mimicry_figure(found).layout.title.text
    assert f"{found.reenacted.distance.share:.1%}" in title
    assert len(mimicry_figure(found).data) == 3


@pytest.mark.live
def test_the_command_proposes_runs_and_draws(paths, tmp_path):
    page = tmp_path / "double.html"
    words = [str(paths["tmpfs"]), "--json", "--run", "--seconds", "6", "--html", str(page)]
    done = subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", "mimic", *words],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["format"] == 1
    assert said["proposal"]["leaker"] == "tmpfs"
    assert said["reenacted"]["distance_share"] < 0.25
    assert "proposed: tmpfs" in page.read_text()
    assert "cdn." not in page.read_text().partition("<script")[0]


@pytest.mark.live
def test_a_live_pid_is_watched_first():
    with start("shm", rate="8MiB/s") as run:
        done = subprocess.run(
            [sys.executable, "-m", "memlab.cli.main", "mimic", str(run.pid), "--seconds", "4"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "memlab leak shm --rate" in done.stdout


def test_what_cannot_be_read_is_one_line(tmp_path):
    words = ["mimic", str(tmp_path / "nothing.tar.gz")]
    done = subprocess.run(
        [sys.executable, "-m", "memlab.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"memlab mimic: there is no file {words[1]}\n"


def test_the_bounds_of_a_chunk_are_those_of_the_programs():
    """What is proposed is taken: each bound by the program itself."""
    for name, bounds in BOUNDS.items():
        leaker = leakers()[name]
        for chunk in bounds:
            argv = [*program(name, leaker.languages[0]), "--paused", "--duration", "0.001"]
            done = subprocess.run(
                [*argv, "--chunk", str(chunk)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                check=False, timeout=20,
            )  # fmt: skip
            assert done.returncode == 0, (name, chunk, done.stderr)


def machine(cached):
    """A recording of a process that does nothing, on a machine whose page cache is `cached(t)`."""
    samples = []
    for n in range(60):
        text = f"MemTotal: 9000000 kB\nMemFree: 1 kB\nCached: {cached(n / 4) // 1024} kB\nShmem: 0 kB\nDirty: 0 kB\n"
        tail = [0] * 52
        tail[19], tail[21], tail[22], tail[23] = 1, 77, 10 * MIB, 100
        files = {
            "/proc/42/stat": ("42 (made) S " + " ".join(map(str, tail[3:]))).encode(),
            "/proc/42/statm": b"2560 100 0 0 0 0 0\n",
            "/proc/meminfo": text.encode(),
        }
        samples.append(Sample(n, 42, n / 4, n / 4, 0, 0, InstantTexts(files, [])))
    return Recording(Header(target={"pid": 42, "comm": "made"}), tuple(samples))


def test_a_page_cache_that_grows_is_re_enacted_though_the_process_is_flat():
    found = mimic(machine(lambda t: 400 * MIB + int(min(8 * t, 64)) * MIB))
    assert found.best is not None, found.why
    assert (found.best.leaker, found.best.options["cap"]) == ("page-cache", "64MiB")
    assert found.best.is_lookalike
    assert payload(found.best.options, leakers()["page-cache"]) == pytest.approx(8 * MIB, rel=0.1)


def test_a_page_cache_that_wavers_is_nobodys():
    found = mimic(machine(lambda t: 400 * MIB + int(t * 7919) % 40 * MIB))
    assert found.best is None
    assert "flat" in found.why


# --- the broad table -----------------------------------------------------------------------------------

_PATTERNS = {
    "heap", "arena", "anonymous", "main-stack", "shared-anonymous", "shm", "shm-posix", "memfd",
    "tmpfs", "tmpfs-deleted", "anonymous-malloc",
}  # fmt: skip
BROAD = [
    (name, lang, {"rate": "2MiB/s" if name != "main-stack" else "200KiB/s", "profile": profile, **more})
    for name in sorted(_PATTERNS)
    for lang in leakers()[name].languages
    for profile, more in (
        ("linear", {}), ("step", {"period": 4}), ("accelerating", {"period": 10}),
        ("bursty", {"period": 1, "seed": 6}), ("sawtooth-with-drift", {"period": 4}),
    )
    # a stack that was deep stays resident, and what Python keeps on top of the heap pins what is below:
    # given back by the leaker, and not to the kernel
    if (name, profile) != ("main-stack", "sawtooth-with-drift")
    and (name, lang, profile) != ("heap", "python", "sawtooth-with-drift")
]  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize(
    "case", BROAD, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]['profile']}"
)
def test_every_leaker_in_every_profile(case, tmp_path):
    assert case[2]["profile"] in PROFILES
    cap = {"cap": "6MiB"} if case[0] == "main-stack" else {}
    path = recorded((*case[:2], {**case[2], **cap}), tmp_path, seconds=20)
    assert_it_is_the_same_leak(mimic(open_recording(path)), case)
