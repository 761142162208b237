"""Line-ups are checked and drawn, forecasts go by the group's limit, and what was kept is what was seen."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from memlab.errors import Malformed, Refused
from memlab.model.oom_classes import burstable_adj
from memlab.model.oom_line_up import (
    CHUNK,
    CLEAR,
    FIRST_LESSON,
    MOST_LIMIT,
    OVERHEAD,
    Task,
    draw,
    line_up,
    read_task,
)
from memlab.model.oom_rehearsal import Look, Seen, forecast, from_dict
from memlab.units import GIB, KIB, MIB

RECORDINGS = Path(__file__).resolve().parents[2] / "notebooks" / "recordings"
KEPT = sorted(RECORDINGS.glob("oom_*.json"))


def kept(name):
    return from_dict(json.loads((RECORDINGS / name).read_text()), name)


@pytest.mark.parametrize(
    ("text", "task", "grows"),
    [
        ("web:40MiB", Task("web", 40 * MIB), False),
        ("db-1:10MiB:300", Task("db-1", 10 * MIB, 300), False),
        ("log:8MiB:tmpfs:grows", Task("log", 8 * MIB, 0, True), True),
        ("a:1MiB:-1000", Task("a", MIB, -1000), False),
        ("a:1", Task("a", CHUNK), False),
    ],
)
def test_a_task_is_read(text, task, grows):
    assert read_task(text) == (task, grows)


@pytest.mark.parametrize(
    "text",
    ["", "web", "Web:1MiB", "a/b:1MiB", "web:much", "web:1MiB:1001", "web:1MiB:-", "web:1MiB:shm", "n" * 16 + ":1MiB"],
)  # fmt: skip
def test_what_is_no_task_is_refused(text):
    with pytest.raises(Refused):
        line_up([text, "b:1MiB"])


def test_the_last_one_grows_unless_another_says_so():
    assert line_up(["a:1MiB", "b:1MiB"]).grows == "b"
    assert line_up(["a:1MiB:grows", "b:1MiB"]).grows == "a"


@pytest.mark.parametrize(
    ("tasks", "more", "says"),
    [
        (["a:1MiB"], {}, "two to 8"),
        (["a:1MiB", "a:2MiB"], {}, "one name"),
        (["a:1MiB:grows", "b:1MiB:grows"], {}, "shall grow"),
        (["a:90MiB", "b:8MiB"], {}, "full before anybody grows"),
        (["a:1MiB", "b:1MiB"], {"limit": 2 * MOST_LIMIT}, "limit"),
        (["a:1MiB", "b:1MiB"], {"limit": MIB}, "limit"),
        (["a:1MiB:-1000", "b:1MiB:-1000"], {}, "nobody may be killed"),
        (["a:1MiB", "b:1MiB:-1000"], {"to_the_end": True}, "for ever"),
        (["a:0", "b:1MiB"], {}, "no memory"),
    ],
)
def test_what_makes_no_sense_is_refused(tasks, more, says):
    with pytest.raises(Refused, match=says):
        line_up(tasks, **more)


@pytest.mark.parametrize("seed", range(1, 201))
def test_a_number_is_a_line_up_that_is_small_and_clear(seed):
    made = draw(seed)
    assert made == draw(seed)
    assert line_up(made.tasks, made.limit, made.grows) == made, "it passes its own check"
    assert sum(one.size + OVERHEAD for one in made.tasks) < made.limit <= MOST_LIMIT // 2
    worth = [0 if one.on_tmpfs else one.size for one in made.tasks]
    worth[-1] += made.limit - sum(one.size for one in made.tasks)
    points = sorted(w + t.adj * made.limit // 1000 for w, t in zip(worth, made.tasks, strict=True))
    assert CLEAR < points[-1] - points[-2] < made.limit / 4


def test_numbers_differ():
    assert len({draw(seed) for seed in range(1, 201)}) == 200


def test_a_line_up_says_how_to_type_it():
    for seed in range(1, 50):
        made = draw(seed)
        words = made.command.split()
        tasks = [word for before, word in pairwise(words) if before == "--task"]
        assert line_up(tasks, words[words.index("--limit") + 1]) == made


def seen(name, mib, adj, score):
    return Seen(name, 100 + ord(name), score, adj, mib * MIB, mib * MIB, 0, 64 * KIB)


def test_a_forecast_goes_by_the_limit_of_the_group_and_not_by_the_machine():
    """The case of docs: +100 is 10 MB of 100 MB, though 2.4 GB in oom_score; at +600 it is enough."""
    for adj, victim in ((100, "a"), (600, "b")):
        made = line_up(["a:60MiB", f"b:10MiB:{adj}", "c:4MiB:grows"], 100 * MIB)
        look = Look(
            0,
            0,
            78 * MIB,
            (seen("a", 62, 0, 668), seen("b", 12, adj, 733), seen("c", 6, 0, 666)),
            {},
            None,
        )
        found = forecast(look, made, "6.18.44-x", 4096)
        assert (found.victim, found.first_in_line) == (victim, ("b",))


def test_who_grows_is_given_what_is_free_but_for_a_file_on_tmpfs():
    look = Look(0, 0, 40 * MIB, (seen("a", 30, 0, 667), seen("b", 5, 0, 666)), {}, None)
    grows = forecast(look, line_up(["a:30MiB", "b:5MiB:grows"]), "6.18", 4096)
    files = forecast(look, line_up(["a:30MiB", "b:5MiB:tmpfs:grows"]), "6.18", 4096)
    assert (grows.victim, files.victim) == ("b", "a")
    assert grows.lead * 4096 == pytest.approx(35 * MIB, abs=MIB)


@pytest.mark.parametrize(
    "kernel", ["6.18.44-fc-v782", "5.4.0", "6.1.0-13-amd64", "6.18+", "strange"]
)
def test_any_release_names_a_rule(kernel):
    look = kept("oom_database.json").looks[0]
    assert forecast(look, line_up(FIRST_LESSON), kernel, 4096).victim == "database"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_a_shipped_rehearsal_agrees_with_the_kernel_and_with_its_report(path):
    told = kept(path.name)
    assert told.agrees is True
    assert [one.agrees for one in told.judged] == [True] * len(told.deaths)
    assert [one.choice[1] for one in told.judged] == [one.name for one in told.deaths]
    assert all(one.begins and one.ends and one.rows_whole for one in told.reports)
    names = {row.name for one in told.reports for row in one.rows}
    assert names == set(told.line_up.names), "nobody but the tasks is in the group"
    assert max(one.usage for one in told.looks) <= told.line_up.limit


def test_the_kept_lessons_are_the_surprises_that_the_chapter_tells():
    first, biggest, tmpfs = map(kept, ("oom_database.json", "oom_biggest.json", "oom_tmpfs.json"))
    assert first.line_up == line_up(FIRST_LESSON)
    assert first.victim == "database" and first.forecast.first_in_line == ("web",)
    assert biggest.victim != biggest.forecast.biggest
    assert [one.name for one in tmpfs.deaths] == ["innocent", "other", "writer"]
    assert tmpfs.shmem_left > 0.95 * tmpfs.line_up.limit


def test_minus_998_is_a_place_in_line_and_minus_1000_is_none():
    """Seen in a virtual machine: Linux 6.1, cgroup version 2, a root that may do everything."""
    safe, exempt = kept("oom_minus_998.json"), kept("oom_minus_1000.json")
    assert (safe.version, exempt.version) == (2, 2)
    assert safe.victim == "leaker" and safe.forecast.biggest == "safe"
    assert [one.name for one in exempt.deaths] == ["late"] and exempt.forecast.lead is None
    assert exempt.ended == "refused: Cannot allocate memory"
    assert {one.name for one in exempt.looks[-1].seen} == {"exempt", "writer"}
    assert exempt.looks[-1].events["oom_kill"] == 1


def test_what_was_kept_comes_back():
    told = kept("oom_tmpfs.json")
    assert from_dict(json.loads(json.dumps(told.as_dict()))) == told
    assert replace(told, said="innocent").learner_is_right is True
    assert replace(told, said="writer").learner_is_right is False
    assert told.learner_is_right is None


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.clear(),
        lambda told: told.update(format=2),
        lambda told: told.pop("looks"),
        lambda told: told.update(looks=[]),
        lambda told: told.update(looks=[{"at": 1}]),
        lambda told: told.update(line_up=None),
        lambda told: told["line_up"]["tasks"].append({"name": "x"}),
        lambda told: told.update(page_bytes=0),
        lambda told: told.update(log=7),
        lambda told: told["looks"][3].update(events=[1]),
        lambda told: told["looks"][3].update(at="soon"),
        lambda told: told["looks"][3]["seen"][0].update(rss=None),
        lambda told: told["looks"][3]["seen"][0].update(name="nobody"),
        lambda told: told["deaths"][0].update(name="nobody"),
        lambda told: told["looks"][0].update(seen=[]),
        lambda told: told["line_up"].update(grows="nobody"),
    ],
)
def test_a_file_that_is_no_rehearsal_is_malformed(change):
    told = kept("oom_database.json").as_dict()
    told = json.loads(json.dumps(told))
    change(told)
    with pytest.raises(Malformed):
        from_dict(told)


def test_what_kubernetes_gives_a_burstable_container():
    assert burstable_adj(0, 8 * GIB) == 999
    assert burstable_adj(4 * GIB, 8 * GIB) == 500
    assert burstable_adj(8 * GIB, 8 * GIB) == 3
