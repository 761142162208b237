"""What a notebook shows live: charts over a recorder, and the lab. The only importer of ipywidgets."""

from memlab.widgets.by_eye import ByEye
from memlab.widgets.charts import MappingsChart, MeminfoChart, PidstatChart, TypesChart
from memlab.widgets.dial import Dial
from memlab.widgets.lab_panel import Lab
from memlab.widgets.live_chart import LiveChart
from memlab.widgets.predict import Predict
from memlab.widgets.source_view import SourceView
from memlab.widgets.traces import TraceSpec
from memlab.widgets.verdict import VerdictView
from memlab.widgets.who_dies import WhoDies

__all__ = [
    "ByEye",
    "Dial",
    "Lab",
    "LiveChart",
    "MappingsChart",
    "MeminfoChart",
    "PidstatChart",
    "Predict",
    "SourceView",
    "TraceSpec",
    "TypesChart",
    "VerdictView",
    "WhoDies",
]
