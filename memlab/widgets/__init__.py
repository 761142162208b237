"""What a notebook shows live: charts over a recorder, and the lab. The only importer of ipywidgets."""

from memlab.widgets.live_chart import LiveChart
from memlab.widgets.traces import TraceSpec

__all__ = ["LiveChart", "TraceSpec"]
