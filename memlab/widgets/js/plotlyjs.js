// One plotly.js for the whole page, whatever number of charts and kernels it shows.
// The page keeps a promise; who finds none asks its kernel and makes one.

const PLOTLY = "__memlab_plotly";
const PLOTLY_SECONDS = 30;

function plotlyOf(model) {
  if (!globalThis[PLOTLY]) {
    const loading = askKernelForPlotly(model);
    globalThis[PLOTLY] = loading;
    // a failure is not kept: the next chart tries again
    loading.catch(() => { if (globalThis[PLOTLY] === loading) delete globalThis[PLOTLY]; });
  }
  return globalThis[PLOTLY];
}

function askKernelForPlotly(model) {
  const client = Math.random().toString(36).slice(2);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => finish(
      () => reject(new Error("the kernel did not answer; restart it and run the cell again"))),
      PLOTLY_SECONDS * 1000);
    const onMessage = (message, buffers) => {
      if (message.kind !== "script" || message.client !== client) return;
      finish(() => message.error ? reject(new Error(message.error))
                                 : evaluatePlotly(buffers[0]).then(resolve, reject));
    };
    function finish(settle) {
      clearTimeout(late);
      model.off("msg:custom", onMessage);
      settle();
    }
    model.on("msg:custom", onMessage);
    model.send({ kind: "script", client });
  });
}

async function evaluatePlotly(gzipped) {
  globalThis.__memlab_plotly_loads = (globalThis.__memlab_plotly_loads || 0) + 1;
  const plain = new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(plain).text();
  // A module of its own: `module` makes the bundle export itself, whatever loader (AMD in
  // old notebooks) or other plotly.js the page has. It sets window.Plotly all the same.
  const before = globalThis.Plotly;
  const url = URL.createObjectURL(new Blob(
    ["const module = { exports: {} };\n", text, "\nexport default module.exports;\n"],
    { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
    if (before) globalThis.Plotly = before; else delete globalThis.Plotly;
  }
}

