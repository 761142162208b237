// A source text whose leaking line lights up each time it runs.

const GLOW_MS = 700;

class Source {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    el.classList.add("memlab-source");
    this.onValue = () => this.show();
    this.onLit = () => this.light();
    model.on("change:value", this.onValue);
    model.on("change:_lit", this.onLit);
    this.show();
  }

  show() {
    this.el.innerHTML = this.model.get("value");   // escaped by the kernel
    this.shown = null;
    this.light();
  }

  // The bar and the tint stay; a glow comes with every new count, and goes.
  light() {
    const { line, text, colour } = this.model.get("_lit");
    const row = line && this.el.querySelector(`[data-line="${line}"]`);
    if (!row) return;
    row.style.borderLeftColor = colour;
    row.style.background = `${colour}30`;
    this.el.querySelector("b").textContent = text;
    if (this.shown !== null && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      row.animate([{ background: `${colour}C0` }, { background: `${colour}30` }], GLOW_MS);
    }
    if (this.shown !== line) this.reveal(row);
    this.shown = line;
  }

  // Scrolls the text, and never the page, until the line is in its middle.
  reveal(row) {
    const box = row.parentElement;
    box.scrollTop = row.offsetTop - box.offsetTop - (box.clientHeight - row.offsetHeight) / 2;
  }

  close() {
    this.model.off("change:value", this.onValue);
    this.model.off("change:_lit", this.onLit);
  }
}

export default {
  render({ model, el }) {
    const source = new Source(model, el);
    return () => source.close();
  },
};
