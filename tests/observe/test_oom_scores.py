"""The scoreboard over a small /proc: who is left out, and why."""

from memlab.observe.oom_scores import oom_scores
from memlab.procfs.host import Host

STATUS = "Name:\t{}\nState:\tS (sleeping)\nPid:\t{}\nPPid:\t1\nUid:\t7\t7\t7\t7\nGid:\t7\t7\t7\t7\n"


def process(folder, pid, score, adj, sizes=""):
    place = folder / "proc" / str(pid)
    place.mkdir(parents=True)
    (place / "status").write_text(STATUS.format(f"p{pid}", pid) + sizes)
    (place / "oom_score").write_text(f"{score}\n")
    (place / "oom_score_adj").write_text(f"{adj}\n")
    return place


def test_those_with_memory_are_listed_in_the_kernel_s_order(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text(
        "MemTotal: 4000 kB\nMemFree: 1 kB\nSwapTotal: 1000 kB\n"
    )
    process(tmp_path, 10, 668, 0, "VmRSS:\t 10 kB\nVmPTE:\t 2 kB\nVmSwap:\t 3 kB\n")
    process(tmp_path, 11, 700, 50, "VmRSS:\t 1 kB\n")
    process(tmp_path, 12, 0, 0)  # a kernel thread: no memory
    (process(tmp_path, 13, 999, 0, "VmRSS:\t 1 kB\n") / "oom_score").unlink()  # it ended meanwhile
    board = oom_scores(Host(tmp_path))
    assert [(row.pid, row.comm, row.used) for row in board.rows] == [
        (11, "p11", 1024), (10, "p10", 15 * 1024),
    ]  # fmt: skip
    assert (board.rows[0].swap, board.rows[0].page_tables, board.rows[0].uid) == (None, None, 7)
    assert board.total == 5000 * 1024
    assert board.adjustment(board.rows[0]) == 50 * 5 * 1024
