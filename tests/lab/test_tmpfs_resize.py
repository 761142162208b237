"""A tmpfs grows under an open file, and does not shrink below what is in it: as root, and as anybody else."""

import json
import os

import pytest

from memlab.errors import Refused, Unsupported
from memlab.lab.tmpfs_resize import resize
from tests.lab.ordinary import as_nobody, as_root

MIB = 1 << 20
pytestmark = [pytest.mark.live, pytest.mark.needs("unshare", "mount")]


def mounts():
    with open("/proc/self/mountinfo") as file:
        return file.read()


def check(steps):
    full, larger, smaller, again = steps
    assert (full["done"], full["stopped"], full["used"], full["size"]) == (
        True,
        "ENOSPC",
        8 * MIB,
        8 * MIB,
    )
    assert larger["done"]
    assert (larger["wrote"], larger["stopped"], larger["size"]) == (8 * MIB, "ENOSPC", 16 * MIB)
    assert (smaller["done"], smaller["error"]) == (False, "EINVAL")
    assert (smaller["size"], smaller["used"]) == (16 * MIB, 16 * MIB)
    assert (again["done"], again["size"], again["used"]) == (True, 4 * MIB, 2 * MIB)
    assert all(step["intact"] for step in steps)


@pytest.mark.parametrize("user_namespace", [False, True])
def test_it_grows_shrinks_where_there_is_room_and_loses_nothing(user_namespace):
    if os.getuid() and not user_namespace:
        pytest.skip("needs root, to mount without a user namespace")
    before = mounts()
    try:
        found = resize(user_namespace=user_namespace)
    except Unsupported as error:
        pytest.skip(str(error))
    check([vars(step) for step in found.steps])
    assert mounts() == before


@as_root
def test_an_ordinary_user_does_the_same():
    code = (
        "import json; from memlab.lab.tmpfs_resize import resize; found = resize()\n"
        "print(json.dumps([found.user, found.user_namespace, [vars(step) for step in found.steps]]))"
    )
    (line,) = as_nobody(code)
    user, in_user, steps = json.loads(line)
    assert (user, in_user) == (65534, True)
    check(steps)


@pytest.mark.parametrize("sizes", [
    (8 * MIB, 8 * MIB, 4 * MIB), (8 * MIB, 16 * MIB, 8 * MIB), (8 * MIB, 16 * MIB, 0),
    (8 * MIB + 1, 16 * MIB, 4 * MIB), (8 * MIB, 1 << 40, 4 * MIB),
])  # fmt: skip
def test_sizes_that_make_no_sense_are_refused(sizes):
    with pytest.raises(Refused):
        resize(*sizes)
