"""An OOM report as JSON: docs/oom-json.md has every field."""

from __future__ import annotations

import json
from typing import Any

from memlab.model.oom_account import account
from memlab.model.oom_badness import Candidate, table_pages
from memlab.model.oom_verdict import Judged
from memlab.model.oom_words import asked_adj, gfp_flags, group_of, order_of, task_group_of
from memlab.procfs.oom.records import Killed, Limit, Report, Row

FORMAT = 1


def oom_json(judged: Judged) -> str:
    """One line."""
    return json.dumps(as_dict(judged), ensure_ascii=True)


def as_dict(judged: Judged) -> dict[str, Any]:
    """The object."""
    report = judged.report
    total = judged.total
    return {
        "format": FORMAT,
        "lines": [report.first_line, report.last_line],
        "host": report.host or None,
        "kernel": report.asker.kernel if report.asker else None,
        "begins": report.begins,
        "ends": report.ends,
        "constraint": report.constraint,
        "cgroup": group_of(report),
        "victim_cgroup": task_group_of(report),
        "cpuset": report.cpuset,
        "invoked_by": report.invoked.comm if report.invoked else None,
        "invoked": _invoked(report),
        "limit_bytes": _limit(report),
        "limits": [_counter(one) for one in report.limits],
        "memory_stat": report.stats,
        "account": _account(judged),
        "page_bytes": judged.page_bytes,
        "tasks": _tasks(judged),
        "tasks_whole": report.rows_whole,
        "rule": judged.era.words if judged.era else None,
        "total_bytes": total.pages * judged.page_bytes if total else None,
        "predicted_victim": _who(judged.predicted[0]) if judged.predicted else None,
        "predicted_equals": [_who(one) for one in judged.predicted],
        "not_predicted": judged.why_not,
        "chosen": {"pid": judged.choice[0], "name": judged.choice[1]} if judged.choice else None,
        "agrees": judged.agrees,
        "adj": {str(pid): value for pid, value in judged.asked_adj.items()},
        "predicted_with_adj": None if judged.changed is None else [_who(c) for c in judged.changed],
        "victim": _victim(report.killed[0]) if report.killed else None,
        "killed": [_victim(one) for one in report.killed],
        "group_kill": report.group,
        "reaped": [{"pid": one.pid, "name": one.comm, "left": one.pairs} for one in report.reaped],
        "remarks": list(judged.remarks),
    }


def _invoked(report: Report) -> dict[str, Any] | None:
    if report.invoked is None:
        return None
    mask = report.invoked.pairs.get("gfp_mask", "")
    return {
        "name": report.invoked.comm,
        "pid": report.asker.pid if report.asker else None,
        "order": order_of(report),
        "gfp_mask": mask.partition("(")[0] or None,
        "gfp_flags": list(gfp_flags(mask, report.version)),
        "oom_score_adj": asked_adj(report),
    }


def _limit(report: Report) -> int | None:
    return next((one.limit_bytes for one in report.limits if one.what == "memory"), None)


def _counter(one: Limit) -> dict[str, Any]:
    return {
        "what": one.what,
        "usage_bytes": one.usage_bytes,
        "limit_bytes": one.limit_bytes,
        "failcnt": one.failcnt,
    }


def _account(judged: Judged) -> dict[str, Any] | None:
    found = account(judged.report, judged.page_bytes)
    if found is None:
        return None
    return {
        "of": found.of,
        "whole_bytes": found.whole,
        "lines": [{"label": x.label, "bytes": x.bytes, "kernel": x.of_kernel} for x in found.lines],
        "unexplained_bytes": found.unexplained,
        "kernel_bytes": found.outside,
        "shmem_bytes": found.shmem,
        "unmapped_shmem_bytes": found.unmapped_shmem,
        "table_rss_bytes": found.table_rss,
        "table_swap_bytes": found.table_swap,
    }


def _tasks(judged: Judged) -> list[dict[str, Any]]:
    points = {id(one.row): one.points for one in judged.ranked}
    return [
        {**_row(row, judged.page_bytes), "points": points.get(id(row))}
        for row in judged.report.rows
    ]


def _row(row: Row, page: int) -> dict[str, Any]:
    def size(pages: int | None) -> int | None:
        return None if pages is None else pages * page

    told = any(x is not None for x in (row.pgtables_bytes, row.nr_ptes, row.nr_pmds))
    return {
        "pid": row.pid,
        "name": row.name,
        "uid": row.uid,
        "tgid": row.tgid,
        "total_vm_bytes": size(row.total_vm),
        "rss_bytes": size(row.rss),
        "anon_rss_bytes": size(row.rss_anon),
        "file_rss_bytes": size(row.rss_file),
        "shmem_rss_bytes": size(row.rss_shmem),
        "swap_bytes": size(row.swapents),
        "page_table_bytes": size(table_pages(row, page)) if told else None,
        "oom_score_adj": row.oom_score_adj,
    }


def _who(one: Candidate) -> dict[str, Any]:
    return {
        "pid": one.row.pid,
        "name": one.row.name,
        "points": one.points,
        "oom_score_adj": one.adj,
    }


def _victim(one: Killed) -> dict[str, Any]:
    return {
        "pid": one.pid,
        "name": one.comm,
        "uid": one.uid,
        "total_vm_bytes": one.total_vm,
        "anon_rss_bytes": one.anon_rss,
        "file_rss_bytes": one.file_rss,
        "shmem_rss_bytes": one.shmem_rss,
        "page_table_bytes": one.page_tables,
        "oom_score_adj": one.oom_score_adj,
    }
