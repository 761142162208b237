"""Sizes, rates and durations as people write them."""

import pytest

from memlab.units import (
    format_bytes,
    format_rate,
    format_seconds,
    parse_bytes,
    parse_rate,
    parse_seconds,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4096", 4096),
        ("64KiB", 65536),
        ("64k", 65536),
        ("1.5 MiB", 1572864),
        ("2GB", 2 << 30),
        ("0", 0),
    ],
)
def test_sizes_are_binary(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "2MiB/s", "MiB", "1e3", "1..5k"])
def test_what_is_no_size_says_how_to_write_one(text):
    with pytest.raises(ValueError, match="write it like"):
        parse_bytes(text)


def test_a_rate_is_in_bytes_or_in_events():
    assert parse_rate("2MiB/s").events(64 << 10) == 32
    assert parse_rate("4/s").events(64 << 10) == 4
    assert parse_rate("4").events(1) == 4
    assert parse_rate("1/min").events_per_second == pytest.approx(1 / 60)
    assert parse_rate("60MiB/min").bytes_per_second == pytest.approx(1 << 20)


@pytest.mark.parametrize("text", ["-1", "0", "0MiB/s", "fast", "2MiB/fortnight", ""])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)


def test_durations():
    assert parse_seconds("200ms") == 0.2
    assert parse_seconds("2min") == 120
    with pytest.raises(ValueError, match="duration"):
        parse_seconds("soon")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (999.9 * 1024, "0.976 MiB"),
        (-2097152, "-2 MiB"),
        (3 << 40, "3 TiB"),
        (999 << 50, "999 PiB"),
    ],
)
def test_sizes_are_printed_with_three_figures(count, text):
    assert format_bytes(count) == text


def test_rates_and_durations_are_printed_for_people():
    assert format_rate(2 << 20) == "2 MiB/s"
    assert [format_seconds(s) for s in (0.25, 75, 120, 5400, 259200)] == [
        "0.25 s", "1 min 15 s", "2 min", "1 h 30 min", "3 days",
    ]  # fmt: skip
