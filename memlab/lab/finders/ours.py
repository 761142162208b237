"""memlab diagnose, on the same leakers: in their box, at their own rate."""

from __future__ import annotations

from memlab import __version__
from memlab.errors import MemlabError
from memlab.lab.experiment import start
from memlab.lab.finders.finder import Answer, Job, Says, excerpt
from memlab.model.diagnosis import Verdict
from memlab.present.text import finding_lines
from memlab.session import watch_and_diagnose

SECONDS = 10.0


class Ours:
    """Attaches to nothing: reads /proc of a process that runs."""

    name = "memlab diagnose"
    get = "here"
    why = (
        "it reads what the kernel shows of a process, so it names the pattern and the place, and never a line of "
        "source: its last line is the command that does. What no file of the process shows it cannot see."
    )

    def version(self) -> str | None:
        """Ours."""
        return __version__

    def look(self, job: Job) -> Answer:
        """Ten seconds of a leaker as it comes."""
        try:
            with start(job.leaker.name, job.lang) as leaker:
                diagnosis, _ = watch_and_diagnose(leaker.pid, SECONDS)
        except MemlabError as error:
            return Answer(Says.CANNOT, str(error)[:100])
        if diagnosis.verdict is not Verdict.LEAK:
            return Answer(Says.SILENT, diagnosis.verdict, excerpt(diagnosis.why, job))
        patterns = [finding.pattern_words for finding in diagnosis.findings]
        text = "\n".join(finding_lines(diagnosis.findings[0])).replace(str(leaker.pid), "PID")
        return Answer(Says.MEMORY, ", ".join(patterns), excerpt(text, job))
