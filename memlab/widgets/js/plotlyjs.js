// One plotly.js for the whole page, whatever number of charts and kernels it shows.
// The page keeps a promise; who finds none asks its kernel and makes one.

const PLOTLY = "__memlab_plotly";
const ANSWER_MS = 2000;
const ATTEMPTS = 4;

// A page that has just been loaded may lose messages while its kernel connection settles, so
// whoever asks the kernel asks again: after 2, 4, 8 and 16 seconds. Returns how to stop.
function askAgain(ask, giveUp) {
  let attempt = 0, timer;
  const next = () => {
    if (attempt === ATTEMPTS) { giveUp(); return; }
    ask();
    timer = setTimeout(next, ANSWER_MS * 2 ** attempt++);
  };
  next();
  return () => clearTimeout(timer);
}

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
    let stopAsking;
    const onMessage = (message, buffers) => {
      if (message.kind !== "script" || message.client !== client) return;
      finish(() => message.error ? reject(new Error(message.error))
                                 : evaluatePlotly(buffers[0]).then(resolve, reject));
    };
    function finish(settle) {
      stopAsking();
      model.off("msg:custom", onMessage);
      settle();
    }
    model.on("msg:custom", onMessage);
    stopAsking = askAgain(
      () => model.send({ kind: "script", client }),
      () => finish(() => reject(new Error("the kernel did not answer; restart it and run the cell again"))));
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

