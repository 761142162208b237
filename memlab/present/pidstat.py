"""Lines with the columns of `pidstat -r -h`, in kB."""

from __future__ import annotations

from memlab.model.pidstat import Report
from memlab.units import KIB

HEADER = "# Time        UID       PID  minflt/s  majflt/s     VSZ     RSS   %MEM  Command"


def pidstat_line(report: Report, time_of_day: str) -> str:
    """One report; time_of_day as HH:MM:SS."""
    return (
        f"{time_of_day} {report.uid:>8} {report.pid:>9} {report.minor_faults:>9.2f} "
        f"{report.major_faults:>9.2f} {report.vsz // KIB:>7} {report.rss // KIB:>7} "
        f"{100 * report.share:>6.2f}  {report.comm}"
    )
