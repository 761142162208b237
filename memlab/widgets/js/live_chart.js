// A chart that grows: rows of float64 come from the kernel, plotly.js's extendTraces draws
// them, at most once per animation frame and only while the chart can be seen.

const FRAME_MS = 100;
const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];

export function formatBytes(bytes, step) {
  const most = Math.max(Math.abs(bytes), step || 0);
  const [name, size] = UNITS.find(([, size]) => most >= size && !(step && step < size / 2))
    || UNITS[3];
  const digits = step ? Math.max(0, Math.min(2, Math.ceil(-Math.log2(step / size))))
                      : (most / size < 10 ? 2 : most / size < 100 ? 1 : 0);
  return `${(bytes / size).toFixed(size === 1 ? 0 : digits)} ${name}`;
}

function formatCount(value) {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}

// Ticks of an axis in bytes: 2^k apart, so that they are round in KiB, MiB and GiB.
export function byteTicks(low, high) {
  const span = Math.max(high - low, 1024);
  const step = 2 ** Math.ceil(Math.log2(span / 4));
  const first = Math.floor(low / step) * step;
  const ticks = [];
  for (let at = first; at < high + step; at += step) ticks.push(at);
  return { values: ticks, texts: ticks.map((at) => at === 0 ? "0" : formatBytes(at, step)) };
}

// Lowest and highest value from time `from` on, of the columns of one axis; stacked ones add up.
function extent(x, columns, from, stacked) {
  let low = Infinity, high = -Infinity;
  for (let row = x.length - 1; row >= 0 && x[row] >= from; row--) {
    let sum = 0;
    for (const column of columns) {
      const y = column[row];
      if (Number.isNaN(y)) continue;
      sum += y;
      low = Math.min(low, stacked ? 0 : y);
      high = Math.max(high, stacked ? sum : y);
    }
  }
  return [low, high];
}

function themed(el) {
  const style = getComputedStyle(el);
  const colour = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: colour("--jp-ui-font-color1", style.color),
    font: colour("--jp-ui-font-family", "system-ui, sans-serif"),
    grid: "rgba(128, 128, 128, 0.25)",
    zero: "rgba(128, 128, 128, 0.6)",
  };
}

function layoutOf(chart, theme) {
  const axis = { gridcolor: theme.grid, zerolinecolor: theme.zero, linecolor: theme.zero,
                 fixedrange: true, ticks: "outside", tickcolor: theme.zero, ticklen: 4 };
  const layout = {
    autosize: true, height: chart.height, margin: { l: 80, r: chart.y2_title ? 60 : 16, t: 8, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { color: theme.text, family: theme.font, size: 12 }, hovermode: "x", dragmode: "zoom",
    xaxis: { ...axis, fixedrange: false, showgrid: false, showspikes: true, spikemode: "across",
             spikethickness: 1, spikecolor: theme.zero, spikedash: "solid",
             title: { text: chart.x_title, standoff: 8 } },
    yaxis: { ...axis, title: { text: chart.y_title, standoff: 10 } },
  };
  if (chart.y2_title) layout.yaxis2 = { ...axis, title: { text: chart.y2_title, standoff: 6 },
    overlaying: "y", side: "right", showgrid: false, rangemode: "tozero", tickmode: "auto", nticks: 5 };
  return layout;
}

function traceOf(spec, x, y) {
  const trace = { type: "scatter", mode: "lines", name: spec.label, x, y, hoverinfo: "none",
                  line: { color: spec.colour, width: spec.stack ? 1 : 2, dash: spec.dash } };
  if (spec.stack) Object.assign(trace, { stackgroup: "one", fillcolor: spec.colour + "B0" });
  if (spec.axis === 2) trace.yaxis = "y2";
  if (!spec.stack) trace.connectgaps = true;
  return trace;
}

class Legend {
  // Swatch, name and value of every trace: the latest, or the one under the pointer.
  constructor(toggle) {
    this.el = document.createElement("div");
    this.el.className = "memlab-legend";
    this.toggle = toggle;
  }
  show(specs) {
    this.specs = specs;
    this.el.replaceChildren(...specs.map((spec, i) => {
      const item = document.createElement("button");
      item.type = "button";
      item.title = `${spec.hint || spec.label} (click: show or hide)`;
      item.setAttribute("aria-pressed", "true");
      const swatch = document.createElement("i");
      if (spec.stack) swatch.style.cssText = `height: 9px; background: ${spec.colour}`;
      else swatch.style.borderTop = `3px ${spec.dash === "solid" ? "solid" : spec.dash === "dot"
        ? "dotted" : "dashed"} ${spec.colour}`;
      const name = document.createElement("span");
      name.textContent = spec.label;
      item.append(swatch, name, document.createElement("b"));
      item.onclick = () => item.setAttribute("aria-pressed", String(this.toggle(i)));
      return item;
    }));
  }
  values(data, row) {
    [...this.el.children].forEach((item, i) => {
      const y = data[i] && data[i].y.length ? data[i].y[row === undefined ? data[i].y.length - 1 : row] : NaN;
      const { unit } = this.specs[i];
      item.lastChild.textContent = Number.isNaN(y) ? "–"
        : unit === "bytes" ? formatBytes(y) : `${formatCount(y)}${unit === "count" ? "" : " " + unit}`;
    });
  }
}

function decode(message, buffer) {
  // the buffer is a view at any offset: copy, float64 wants multiples of 8
  const bytes = buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
  const table = new Float64Array(bytes);
  const rows = table.length / (message.names.length + 1);
  const line = (i) => table.subarray(i * rows, (i + 1) * rows);
  return { rows, times: line(0), columns: new Map(message.names.map((name, i) => [name, line(i + 1)])) };
}

function tail(chunk, skip) {
  if (!skip) return chunk;
  const cut = (line) => line.subarray(skip);
  return { rows: chunk.rows - skip, times: cut(chunk.times),
           columns: new Map([...chunk.columns].map(([name, line]) => [name, cut(line)])) };
}

class Chart {
  constructor(model, el) {
    this.model = model;
    this.client = Math.random().toString(36).slice(2);
    this.pending = [];
    this.next = null;      // the row to come; null until the history is here
    this.held = false;     // the reader has zoomed in: leave the time axis alone
    this.visible = true;
    this.drawn = 0;
    this.build(el);
  }

  build(el) {
    el.classList.add("memlab-chart");
    this.head = document.createElement("div");
    this.head.className = "memlab-title";
    this.head.textContent = this.model.get("_chart").title;
    this.legend = new Legend((i) => this.toggleTrace(i));
    this.gd = document.createElement("div");
    this.gd.className = "memlab-plot";
    this.gd.style.height = `${this.model.get("_chart").height}px`;
    this.note = document.createElement("div");
    this.note.className = "memlab-note";
    this.note.textContent = "loading the chart …";
    el.append(this.head, this.legend.el, this.note, this.gd);
    this.el = el;
  }

  async start() {
    try {
      this.plotly = await plotlyOf(this.model)
        .catch(() => plotlyOf(this.model));  // another chart's kernel may have died meanwhile
    } catch (error) {
      this.note.textContent = `This chart cannot be drawn: ${error.message}`;
      this.note.classList.add("memlab-failed");
      return;
    }
    if (this.closed) return;
    this.note.remove();
    this.specs = this.model.get("_traces");
    await this.plotly.newPlot(this.gd, this.specs.map((spec) => traceOf(spec, new Float64Array(), new Float64Array())),
      layoutOf(this.model.get("_chart"), themed(this.el)),
      { displayModeBar: false, displaylogo: false, responsive: false });
    if (this.closed) return;
    this.legend.show(this.specs);
    this.watch();
    this.hello();
  }

  watch() {
    const { model, gd } = this;
    this.onMessage = (message, buffers) => this.receive(message, buffers);
    this.onTraces = () => this.hello();
    this.onChart = () => this.restyle();
    model.on("msg:custom", this.onMessage);
    model.on("change:_traces", this.onTraces);
    model.on("change:_chart", this.onChart);
    gd.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change) this.held = true;
      if (change["xaxis.autorange"]) { this.held = false; this.schedule(); }
    });
    gd.on("plotly_hover", (event) => this.legend.values(gd.data, event.points[0].pointIndex));
    gd.on("plotly_unhover", () => this.legend.values(gd.data));
    this.sizes = new ResizeObserver(() => { if (gd.offsetWidth) this.plotly.Plots.resize(gd); });
    this.sizes.observe(this.el);
    this.seen = new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      if (this.visible) this.schedule();
    });
    this.seen.observe(this.el);
    this.themes = new MutationObserver(() => this.restyle());
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  }

  hello() {
    this.next = null;
    this.pending = [];
    this.stopAsking?.();
    this.unanswered = false;
    this.stopAsking = askAgain(() => this.model.send({ kind: "hello", client: this.client }),
                               () => { this.unanswered = true; });
  }

  receive(message, buffers) {
    if (message.kind !== "points") return;
    if (message.client && message.client !== this.client) return;
    const chunk = decode(message, buffers[0]);
    const end = message.first + chunk.rows;
    if (message.reset) {                         // all there is: asked for, or after a clear
      this.stopAsking?.();
      this.pending = [{ ...chunk, reset: true }];
    } else if (this.next === null || message.first > this.next) {
      // rows were lost on the way, or the kernel is back
      if (this.next !== null || this.unanswered) this.hello();
      return;
    } else if (end > this.next) {
      this.pending.push(tail(chunk, this.next - message.first));
    }
    this.next = message.reset ? end : Math.max(this.next, end);
    this.trim();
    this.model.send({ kind: "ack", end });
    this.schedule();
  }

  trim() {                                       // a hidden tab draws nothing for hours
    const most = this.model.get("_chart").max_points;
    let rows = this.pending.reduce((sum, chunk) => sum + chunk.rows, 0);
    while (this.pending.length > 1 && rows - this.pending[0].rows >= most) {
      const [old] = this.pending.splice(0, 1);
      rows -= old.rows;
      this.pending[0].reset = this.pending[0].reset || old.reset;
    }
  }

  schedule() {
    if (this.frame || this.closed || !this.visible) return;
    const wait = this.drawn + FRAME_MS - performance.now();
    this.frame = true;
    setTimeout(() => requestAnimationFrame(() => { this.frame = false; this.draw(); }), Math.max(0, wait));
  }

  draw() {
    if (this.closed || !this.gd.isConnected) return;
    this.drawn = performance.now();
    const chunks = this.pending;
    this.pending = [];
    if (chunks.length && chunks[0].reset) this.rebuild();
    if (!this.specs.length) return;
    const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
    const join = (part) => {
      const all = new Float64Array(rows);
      let at = 0;
      for (const chunk of chunks) { all.set(part(chunk), at); at += chunk.rows; }
      return all;
    };
    const x = join((chunk) => chunk.times);
    const nothing = (chunk) => new Float64Array(chunk.rows).fill(NaN);
    const y = this.specs.map((spec) => join((chunk) => chunk.columns.get(spec.name) || nothing(chunk)));
    this.fit(x, y);
    // with typed arrays extendTraces takes a bound only once it is reached
    const most = this.model.get("_chart").max_points;
    const full = this.gd.data[0].x.length + rows > most;
    this.plotly.extendTraces(this.gd, { x: y.map(() => x), y }, y.map((_, i) => i), full ? most : -1);
    this.legend.values(this.gd.data);
  }

  // Set the axes for what is drawn and what comes now: extendTraces then draws once.
  fit(newX, newY) {
    const { layout, data } = this.gd;
    const chart = this.model.get("_chart");
    const x = data[0].x;
    const last = newX.length ? newX[newX.length - 1] : x.length ? x[x.length - 1] : 0;
    const from = Math.max(0, last - chart.window_seconds);
    if (!this.held) Object.assign(layout.xaxis, { autorange: false, range: [from, Math.max(last, from + 10)] });
    for (const [key, axis] of [["yaxis", 1], ["yaxis2", 2]]) {
      const mine = this.specs.flatMap((spec, i) =>
        spec.axis === axis && data[i].visible !== "legendonly" ? [i] : []);
      if (!layout[key] || !mine.length || this.specs[mine[0]].unit !== "bytes") continue;
      const stacked = this.specs[mine[0]].stack;
      const before = extent(x, mine.map((i) => data[i].y), from, stacked);
      const now = extent(newX, mine.map((i) => newY[i]), from, stacked);
      const low = Math.min(before[0], now[0]), high = Math.max(before[1], now[1]);
      if (high === -Infinity) continue;
      const ticks = byteTicks(low, Math.max(high, low + 1024));
      const room = (ticks.values[1] - ticks.values[0]) / 8;
      Object.assign(layout[key], { tickmode: "array", tickvals: ticks.values, ticktext: ticks.texts,
        autorange: false, range: [low === 0 ? 0 : low - room, Math.max(high, low + 1024) + room] });
    }
  }

  // Draw again with what is there: a theme, a title or a hidden line has changed.
  restyle() {
    const chart = this.model.get("_chart");
    this.head.textContent = chart.title;
    this.gd.layout = layoutOf(chart, themed(this.el));
    if (this.specs.length) this.fit(new Float64Array(), this.specs.map(() => new Float64Array()));
    this.plotly.react(this.gd, this.gd.data, this.gd.layout);
  }

  toggleTrace(i) {
    const trace = this.gd.data[i];
    trace.visible = trace.visible === "legendonly" ? true : "legendonly";
    this.restyle();
    return trace.visible === true;
  }

  rebuild() {
    this.specs = this.model.get("_traces");
    this.gd.data = this.specs.map((spec) => traceOf(spec, new Float64Array(), new Float64Array()));
    this.legend.show(this.specs);
  }
  close() {
    this.closed = true;
    this.stopAsking?.();
    if (!this.sizes) return;
    this.model.off("msg:custom", this.onMessage);
    this.model.off("change:_traces", this.onTraces);
    this.model.off("change:_chart", this.onChart);
    this.sizes.disconnect();
    this.seen.disconnect();
    this.themes.disconnect();
    this.plotly.purge(this.gd);
  }
}

export default {
  render({ model, el }) {
    const chart = new Chart(model, el);
    el.__memlab = chart;   // for those who look from outside: tests, the console
    chart.start();
    return () => chart.close();
  },
};
