"""/proc/cgroups: the machine's own, and what is no table."""

import pytest

from memlab.errors import Malformed, Unsupported
from memlab.procfs import cgroups
from memlab.procfs.host import Host


def test_the_machines_own():
    try:
        found = cgroups.read(Host())
    except Unsupported:
        pytest.skip("this kernel has no control groups")
    assert found and all(count >= 1 for count in found.values())


def test_the_third_column_is_the_number():
    text = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\nmemory\t4\t172\t1\n"
    assert cgroups.parse(text) == {"cpuset": 1, "memory": 172}


def test_a_cut_line_is_malformed():
    with pytest.raises(Malformed):
        cgroups.parse(b"memory\t4\t17")
