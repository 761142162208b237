"""What a run holds in shared memory is counted while the run makes and removes it."""

from memlab.lab import leftovers


class Vanishing:
    """A folder whose files go as soon as they have been looked at."""

    def __init__(self, folder):
        self.folder = folder

    def glob(self, pattern):
        for path in sorted(self.folder.glob(pattern)):
            yield path
            path.unlink()


def test_segments_that_go_while_they_are_counted_disturb_nobody(tmp_path, monkeypatch):
    kept, *names = [tmp_path / f"memlab-0-ab.{number}" for number in range(3)]
    for path in names:
        path.write_bytes(b"x" * 4096)
    blocks = names[0].stat().st_blocks * 512
    kept.symlink_to(names[0])
    monkeypatch.setattr(leftovers, "_SHM", Vanishing(tmp_path))
    assert leftovers.shm_bytes("/memlab-0-ab.") == 2 * blocks, "and no link to one"
