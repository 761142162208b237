"""Verdicts over recordings that are made here, instant by instant, so that their truth is known."""

import json
from dataclasses import replace

import pytest

from memlab.diagnose import diagnose, step
from memlab.diagnose.judge import suspected
from memlab.model.diagnosis import Need, Verdict, Why
from memlab.model.recording import Header, Recording
from memlab.present.text import diagnosis_text
from memlab.procfs.host import Call, InstantTexts
from tests.diagnose.made import KIB, MIB, A, descriptor, made, mapping


def heap(grown):
    return mapping(
        0x55550000, 4 * MIB + int(grown), "rw-p", "[heap]", rss=MIB + int(grown) // 4096 * 4096
    )


def test_a_heap_too_large_to_be_looked_at_often_leaks_as_surely():
    """Each look at its mappings is dearer than the one before, so the pauses between them grow."""

    def grown(t):
        return int((16 * t + t**0.5) * MIB)

    watched = made(lambda t: heap(grown(t)), rss=grown, seconds=60.0)
    looks = {*range(10), 12, 16, 22, 40, 70, 120}
    samples = [
        sample if sample.index in looks else without_mappings(sample) for sample in watched.samples
    ]
    found = diagnose(replace(watched, samples=tuple(samples)))
    assert found.verdict is Verdict.LEAK
    assert found.findings[0].pattern == "heap"


def without_mappings(sample):
    files = {path: text for path, text in sample.texts.files.items() if path != "/proc/42/smaps"}
    return replace(sample, texts=replace(sample.texts, files=files))


def test_a_growing_heap_is_a_leak_with_its_rate_place_and_next_step():
    found = diagnose(made(lambda t: heap(t * MIB)))
    assert found.verdict is Verdict.LEAK
    (finding,) = found.findings
    assert (finding.pattern, finding.basis) == ("heap", "resident")
    assert finding.candidates == ("heap",)
    assert finding.where.startswith("[heap] 5555")
    assert finding.bytes_per_second == pytest.approx(MIB, rel=0.01)
    low, high = finding.bytes_per_second_interval
    assert low <= MIB <= high
    assert "42" in finding.next


@pytest.mark.parametrize(
    ("grown", "why"),
    [
        (lambda t: 0, Why.FLAT),
        (lambda t: min(t, 4) * MIB, Why.WARM_UP),
        (lambda t: (t % 2.5) * 4 * MIB, Why.CYCLIC),
        (lambda t: t * 2 * KIB, Why.FLAT),
    ],
)
def test_what_is_no_leak_says_why_and_what_it_could_not_have_seen(grown, why):
    found = diagnose(made(lambda t: heap(grown(t))))
    assert (found.verdict, found.reason) == (Verdict.NOT_A_LEAK, why)
    assert "would not show" in found.why
    assert found.findings == ()


def test_slow_growth_is_undecided_and_says_how_long_it_takes():
    found = diagnose(made(lambda t: heap(t * 20 * KIB)))
    assert found.verdict is Verdict.UNDECIDED
    assert "--seconds" in found.decide
    longer = float(found.decide.rsplit(" ", 1)[1])
    assert diagnose(made(lambda t: heap(t * 20 * KIB), seconds=longer)).verdict is Verdict.LEAK


def test_a_leak_under_a_sawtooth_is_found():
    found = diagnose(made(lambda t: heap(t * MIB + (t % 2) * 8 * MIB), interval=0.25))
    assert found.verdict is Verdict.LEAK
    assert found.findings[0].bytes_per_second == pytest.approx(MIB, rel=0.15)


def stacks(count):
    return "".join(
        mapping(A + n * 10244 * KIB, 4 * KIB, "---p", "")
        + mapping(A + n * 10244 * KIB + 4 * KIB, 10240 * KIB, "rw-p", "", rss=8 * KIB)
        for n in range(count)
    )


def test_stacks_that_outnumber_threads_were_never_joined():
    found = diagnose(made(lambda t: stacks(2 + int(t)), threads=2))
    (finding,) = found.findings
    assert (finding.pattern, finding.basis) == ("thread-stack", "virtual")
    assert finding.step.bytes == 10244 * KIB
    assert finding.step.period_seconds == pytest.approx(1, rel=0.05)
    assert any("nobody joined" in sentence for sentence in finding.evidence)
    assert any("10,240 kB" in sentence for sentence in finding.evidence)


def test_steps_of_two_stacks_are_told_as_single_ones():
    """More threads end between two looks than are looked for."""
    found = diagnose(made(lambda t: stacks(2 + 2 * int(t)), threads=2))
    (finding,) = found.findings
    assert finding.step.bytes == 10244 * KIB
    assert finding.step.period_seconds == pytest.approx(0.5, rel=0.05)


def test_what_is_open_has_the_pattern_of_what_grew_most():
    unclear = made(lambda t: heap((t > 6) * 2 * MIB + (t > 11) * MIB))
    assert diagnose(unclear).verdict is Verdict.UNDECIDED
    assert suspected(unclear) == ("heap",)
    assert suspected(made(lambda t: heap(0))) == ()


def test_without_smaps_the_verdict_rests_on_what_everybody_may_read():
    denied = ("/proc/42/smaps", "/proc/42/fd")
    found = diagnose(
        made(
            None,
            vsize=lambda t: 50 * MIB + int(t * MIB),
            rss=lambda t: 20 * MIB + int(t * MIB),
            denied=denied,
        )
    )
    assert found.verdict is Verdict.LEAK
    (finding,) = found.findings
    assert finding.pattern is None
    assert {"heap", "anonymous"} < set(finding.candidates)
    assert "smaps" in finding.where
    assert finding.next == "sudo memlab diagnose 42"
    said = json.loads(json.dumps(found.to_json()))["findings"][0]
    assert said["pattern"] is None
    assert said["candidates"] == list(finding.candidates)
    assert "not known: heap, arena" in diagnosis_text(found)
    assert len(found.not_seen) == 2
    assert "which mapping grows" in " ".join(found.not_seen)


def test_mappings_that_were_left_out_are_asked_for_with_the_option_that_allows_them():
    growing = made(None, vsize=lambda t: 90 * MIB + int(t * MIB), rss=lambda t: int(t * MIB) + MIB)
    said = Call(
        "read", "/proc/42/smaps", error="Refused", message="too many: allow that with --stall 2"
    )
    samples = [replace(s, texts=InstantTexts(s.texts.files, [said])) for s in growing]
    (finding,) = diagnose(Recording(growing.header, tuple(samples))).findings
    assert (finding.pattern, finding.next) == (None, "memlab diagnose 42 --stall 2")


def test_without_smaps_steps_of_a_stack_and_its_guard_are_still_named():
    """The app_server by its VSZ alone: RSS flat, a round stack size and one page, again and again."""
    found = diagnose(
        made(None, seconds=300, interval=1, vsize=lambda t: 299029776 * KIB + int(t / 60) * 10244 * KIB,
             rss=4 * 1024 * MIB, threads=100, denied=("/proc/42/smaps",))
    )  # fmt: skip
    (finding,) = found.findings
    assert finding.pattern == "thread-stack"
    assert finding.next.startswith("sudo strace")
    assert (finding.step.bytes, round(finding.step.period_seconds)) == (10244 * KIB, 60)


def test_reserved_and_never_touched_is_address_space():
    found = diagnose(
        made(
            None,
            vsize=lambda t: 50 * MIB + int(t * 3) * 7 * MIB,
            rss=20 * MIB,
            denied=("/proc/42/smaps",),
        )
    )
    assert [finding.pattern for finding in found.findings] == ["address-space"]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_little_is_undecided_never_an_exception(count):
    whole = made(lambda t: heap(t * MIB))
    found = diagnose(Recording(whole.header, whole.samples[:count]))
    assert found.verdict is Verdict.UNDECIDED
    assert found.decide


def test_what_was_lost_of_the_recording_is_noted():
    whole = made(lambda t: heap(0))
    found = diagnose(Recording(whole.header, whole.samples, ("the file is cut",)))
    assert found.notes == ("the file is cut",)


@pytest.mark.parametrize(
    ("asked", "cut_short"), [(0.5, False), (2.0, False), (2.1, False), (3.0, True)]
)
def test_a_watch_was_cut_short_only_where_an_interval_is_missing(asked, cut_short):
    lasted = 0.4 if asked < 1 else 2.0
    whole = made(None, seconds=lasted, interval=0.2)
    how = {"seconds": asked, "interval": 0.2}
    watched = Recording(Header(whole.header.target, asked=how), whole.samples)
    notes = diagnose(watched).notes
    assert any("the watch was ended" in note for note in notes) == cut_short


def test_the_json_has_the_documented_shape():
    plain = json.loads(json.dumps(diagnose(made(lambda t: heap(t * MIB))).to_json()))
    assert list(plain)[:4] == ["format", "target", "observed_seconds", "verdict"]
    assert plain["format"] == 1
    assert {"why", "findings", "not_seen", "cost"} <= set(plain)
    assert plain["findings"][0]["unit"] == "bytes"
    assert set(plain["findings"][0]) == {
        "pattern", "where", "unit", "basis", "bytes_per_second", "bytes_per_second_interval",
        "candidates", "resident_bytes_per_second", "step", "bytes", "evidence", "forecast", "next",
        "levels",
    }  # fmt: skip
    assert plain["cost"]["cpu_seconds"] > 0


def test_the_mappings_are_asked_for_when_something_moved_or_a_second_has_passed():
    samples = made(
        lambda t: heap(0), interval=0.2, vsize=lambda t: 50 * MIB if t < 1.9 else 60 * MIB
    ).samples
    assert step(None, samples[0]) is Need.LOOK
    assert step(samples[0], samples[1]) is Need.GO_ON
    assert step(samples[0], samples[5]) is Need.LOOK
    assert step(samples[9], samples[10]) is Need.LOOK


def test_looks_that_the_budget_spaced_are_said_to_be_few():
    """The mappings in the first, the middle and the last of 31 instants."""
    whole = made(lambda t: heap(t * MIB))
    samples = [
        replace(
            sample,
            texts=InstantTexts({k: v for k, v in sample.texts.files.items() if "smaps" not in k}),
        )
        if sample.index % 15
        else sample
        for sample in whole
    ]
    header = Header(target=whole.header.target, asked={"budget": 0.01, "seconds": 15.0})
    (note,) = diagnose(Recording(header, tuple(samples))).notes
    assert note.startswith("the mappings were read 3 times only, up to 7.5 s apart")
    assert "0.01 of a core (--budget)" in note
    assert diagnose(Recording(header, whole.samples)).notes == ()


@pytest.mark.parametrize(("until", "where"), [(4.0, "private anonymous"), (11.0, "[heap]")])
def test_mappings_that_are_lost_on_the_way(until, where):
    """The account that covers more of the window is judged: status' after 4 s of 15, smaps' after 11."""
    whole = made(lambda t: heap(t * MIB), rss=lambda t: MIB + int(t * MIB))
    samples = []
    for sample in whole:
        if sample.monotonic - 1000 >= until:
            files = {k: v for k, v in sample.texts.files.items() if "smaps" not in k}
            refused = Call("read", "/proc/42/smaps", error="Denied", message="no")
            sample = replace(sample, texts=InstantTexts(files, [refused]))
        samples.append(sample)
    found = diagnose(Recording(whole.header, tuple(samples)))
    assert found.verdict is Verdict.LEAK
    assert found.findings[0].where.startswith(where)
    assert found.findings[0].bytes_per_second == pytest.approx(MIB, rel=0.02)
    assert any(
        f"after {until:.3g} s its mappings could be read no more" in note for note in found.notes
    )


def ended(recording, age):
    """The same with an instant in which the process is gone; it had run for `age` when the watch began."""
    last = recording.samples[-1]
    gone = Call("read", "/proc/42/stat", error="Gone", message="process 42 has ended")
    farewell = replace(
        last, index=last.index + 1, monotonic=last.monotonic + 0.5, texts=InstantTexts({}, [gone])
    )
    header = replace(
        recording.header,
        target={**recording.header.target, "start_time_ticks": int((1000 - age) * 100)},
        host={"ticks_per_second": 100},
        asked={"seconds": 60.0},
    )
    return replace(recording, header=header, samples=(*recording.samples, farewell))


def test_a_job_that_ends_gave_all_back():
    found = diagnose(ended(made(lambda t: heap(t * MIB)), age=2))
    assert (found.verdict, found.reason, found.findings) == (Verdict.NOT_A_LEAK, Why.ENDED, ())
    assert "dmesg" in " ".join(found.notes)


def test_a_server_that_ends_after_a_long_life_leaked_until_then():
    found = diagnose(ended(made(lambda t: heap(t * MIB)), age=900))
    assert found.verdict is Verdict.LEAK
    assert "dmesg" in " ".join(found.notes)


@pytest.mark.parametrize(("each", "first"), [(4 * KIB, "fd"), (64 * KIB, "heap")])
def test_descriptors_come_before_the_buffers_that_they_carry(each, first):
    def smaps(t):
        size = MIB + int(100 * t) * each // (4 * KIB) * 4 * KIB
        return mapping(A, size, "rw-p", "[heap]", rss=size)

    watched = made(smaps, fds=lambda t: [descriptor(f"/tmp/{n}") for n in range(int(100 * t))])
    found = diagnose(watched)
    assert {finding.pattern for finding in found.findings} == {"fd", "heap"}
    assert found.findings[0].pattern == first
    assert found.why.startswith(found.findings[0].where.partition(" (")[0].partition(" 7f")[0])
