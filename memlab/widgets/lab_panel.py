"""The lab on one panel: start a leaker, watch it four ways, name the leak."""

from __future__ import annotations

import ipywidgets as widgets

from memlab.widgets.charts import MappingsChart, MeminfoChart, PidstatChart, TypesChart
from memlab.widgets.controls import Controls
from memlab.widgets.follow import Show
from memlab.widgets.panel import Panel

_CHARTS = {
    "display": "grid",
    "grid_template_columns": "repeat(auto-fit, minmax(min(100%, 400px), 1fr))",
    "grid_gap": "4px 12px",
    "width": "100%",
}


class Lab(Panel):
    """Every leaker and look-alike, and four live charts of the one that runs."""

    def __init__(self, leaker: str = "heap", lang: str = "c") -> None:
        self.pidstat, self.types = PidstatChart(), TypesChart()
        self.mappings, self.meminfo = MappingsChart(), MeminfoChart()
        charts = (self.pidstat, self.types, self.mappings, self.meminfo)
        grid = widgets.Box(charts, layout=widgets.Layout(**_CHARTS))
        super().__init__(Controls(leaker, lang), grid, charts)

    def shows(self) -> list[Show]:
        """What is called with each sample of a run: the charts."""
        return [self.pidstat.show, self.types.show, self.mappings.show, self.meminfo.show]
