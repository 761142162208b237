"""dentry-state: the machine's own, and the line of a kernel that does not count names of nothing."""

import pytest

from memlab.errors import Malformed, MemlabError
from memlab.procfs import dentry_state
from memlab.procfs.host import Host


def test_the_machines_own():
    try:
        found = dentry_state.read(Host())
    except MemlabError:
        pytest.skip("there is no dentry-state here")
    assert found.nr_dentry >= found.nr_unused >= (found.nr_negative or 0)


def test_before_linux_5_0_nobody_counts_names_of_nothing():
    assert dentry_state.parse(b"89453\t62163\t45\t0\t0\t0\n").nr_negative is None
    assert dentry_state.parse(b"89453\t62163\t45\t0\t17\t0\n").nr_negative == 17


def test_a_cut_line_is_malformed():
    with pytest.raises(Malformed):
        dentry_state.parse(b"89453\t62163\n")
