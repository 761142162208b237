"""Recording -> Diagnosis: pure functions, no I/O, and never a look at the ground truth."""

from memlab.diagnose.enough import first_enough
from memlab.diagnose.judge import diagnose, step
from memlab.diagnose.over_time import over_time

__all__ = ["diagnose", "first_enough", "over_time", "step"]
