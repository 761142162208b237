"""What is no text that can be read: one clear line each, status 2, in little time and memory."""

import resource
import subprocess
import sys

import pytest

from memlab.cli.main import main

LOG_LINE = b"11:14:36 PM  4242    253.47      0.00    7284    5540   0.02  heap\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "is a binary file"),
        (b"hello\n", "is nothing that memlab knows"),
        (None, "is a folder and is no recording"),
    ],
)
def test_each_is_refused_in_one_line(tmp_path, capfd, content, words):
    path = tmp_path / "it"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    assert main(["diagnose", str(path)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"{path} {words}" in line


def test_a_large_log_is_refused_without_being_read_whole(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(LOG_LINE * ((1 << 20) // len(LOG_LINE)))
    command = [sys.executable, "-m", "memlab.cli.main", "diagnose", str(path)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert "larger than the 16 MiB" in line and "grep -w PID" in line
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 10
