"""Recording -> Diagnosis: pure functions, no I/O, and never a look at the ground truth."""

from memlab.diagnose.judge import diagnose, step

__all__ = ["diagnose", "step"]
