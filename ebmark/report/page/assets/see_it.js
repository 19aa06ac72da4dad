// "See it": error maps, densities and energies of two methods, over training, and Langevin chains on them.
(() => {
  "use strict";
  const LN2 = Math.LN2, LOW = [47, 111, 208], HIGH = [214, 68, 47], NUM_PARTICLES = 2000, STEPS_PER_FRAME = 3;

  // Undo `_pack` of _see_it.py: inflate, join the bytes, sum the second differences, restore the values.
  const inflate = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  const unpack = async ({ maps, ends }, [nx, ny]) => {
    const bytes = await inflate(maps), size = nx * ny, num = ends.length * size;
    return ends.map(([low, high], m) => {
      const codes = new Uint16Array(size), values = new Float32Array(size);
      for (let k = 0; k < size; k++) {
        const at = m * size + k, signless = bytes[at] | (bytes[num + at] << 8), i = (k / ny) | 0, j = k - i * ny;
        const second = (signless >> 1) ^ -(signless & 1);
        const a = j ? codes[k - 1] : 0, b = i ? codes[k - ny] : 0, c = i && j ? codes[k - ny - 1] : 0;
        codes[k] = second + a + b - c;
        values[k] = low + (codes[k] / 65535) * (high - low);
      }
      return values;
    });
  };

  // A log-density on a grid with its gradient, in units of grid points; mean and SD of standardized coordinates.
  const makeField = (values, [nx, ny], units) => {
    const gx = new Float32Array(nx * ny), gy = new Float32Array(nx * ny);
    for (let i = 0; i < nx; i++) for (let j = 0; j < ny; j++) {
      const i0 = Math.max(i - 1, 0), i1 = Math.min(i + 1, nx - 1), j0 = Math.max(j - 1, 0), j1 = Math.min(j + 1, ny - 1);
      gx[i * ny + j] = (values[i1 * ny + j] - values[i0 * ny + j]) / (i1 - i0);
      gy[i * ny + j] = (values[i * ny + j1] - values[i * ny + j0]) / (j1 - j0);
    }
    return { values, nx, ny, gx, gy, ...(units || unitsOf(values, nx, ny)) };
  };
  const unitsOf = (values, nx, ny) => {
    const sums = [0, 0, 0, 0, 0], top = values.reduce((a, b) => Math.max(a, b));
    for (let i = 0, k = 0; i < nx; i++) for (let j = 0; j < ny; j++, k++) {
      const p = Math.exp(values[k] - top);
      [1, i, j, i * i, j * j].forEach((f, n) => { sums[n] += p * f; });
    }
    const [z, x, y, xx, yy] = sums;
    return { mean: [x / z, y / z], sd: [Math.sqrt(xx / z - (x / z) ** 2), Math.sqrt(yy / z - (y / z) ** 2)] };
  };

  // Unadjusted Langevin chains in standardized coordinates: x <- x - h grad E(x) + sqrt(2 h T) noise.
  class Chains {
    constructor(num, seed = 1) {
      Object.assign(this, { num, state: seed >>> 0, u: new Float32Array(num), v: new Float32Array(num), time: 0 });
    }
    random() { // mulberry32
      let t = (this.state = (this.state + 0x6d2b79f5) >>> 0);
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    }
    fromNoise({ mean, sd }) {
      for (let k = 0; k < this.num; k++) {
        const r = Math.sqrt(-2 * Math.log(1 - this.random())), a = 2 * Math.PI * this.random();
        this.u[k] = mean[0] + sd[0] * r * Math.cos(a);
        this.v[k] = mean[1] + sd[1] * r * Math.sin(a);
      }
      this.time = 0;
    }
    fromExact({ values, ny }) {
      const top = values.reduce((a, b) => Math.max(a, b)), sums = new Float64Array(values.length);
      let total = 0;
      values.forEach((value, k) => { sums[k] = total += Math.exp(value - top); });
      for (let k = 0; k < this.num; k++) {
        const at = this.random() * total;
        let low = 0, high = sums.length - 1;
        while (low < high) { const middle = (low + high) >> 1; if (sums[middle] > at) high = middle; else low = middle + 1; }
        this.u[k] = Math.floor(low / ny) + this.random() - 0.5;
        this.v[k] = (low % ny) + this.random() - 0.5;
      }
      this.time = 0;
    }
    step({ nx, ny, gx, gy, sd }, h, temperature) {
      const { u, v } = this, noise = Math.sqrt(2 * h * temperature), [sx, sy] = sd;
      for (let k = 0; k < this.num; k++) {
        const i = Math.min(Math.max(u[k] | 0, 0), nx - 2), j = Math.min(Math.max(v[k] | 0, 0), ny - 2);
        const a = Math.min(Math.max(u[k] - i, 0), 1), b = Math.min(Math.max(v[k] - j, 0), 1), n = i * ny + j;
        const w00 = (1 - a) * (1 - b), w01 = (1 - a) * b, w10 = a * (1 - b), w11 = a * b;
        const dx = w00 * gx[n] + w01 * gx[n + 1] + w10 * gx[n + ny] + w11 * gx[n + ny + 1];
        const dy = w00 * gy[n] + w01 * gy[n + 1] + w10 * gy[n + ny] + w11 * gy[n + ny + 1];
        const r = noise * Math.sqrt(-2 * Math.log(1 - this.random())), angle = 2 * Math.PI * this.random();
        u[k] = reflect(u[k] + sx * (h * sx * dx + r * Math.cos(angle)), nx);
        v[k] = reflect(v[k] + sy * (h * sy * dy + r * Math.sin(angle)), ny);
      }
      this.time += 1;
    }
    frequencies({ nx, ny }, modes, num) {
      const counts = new Float64Array(num);
      for (let k = 0; k < this.num; k++) {
        counts[modes[Math.min(Math.round(Math.max(this.u[k], 0)), nx - 1) * ny + Math.min(Math.round(Math.max(this.v[k], 0)), ny - 1)]] += 1 / this.num;
      }
      return counts;
    }
  }
  const reflect = (u, n) => { // at the edges of the box; a jump beyond the box stays at its edge
    if (u < -0.5) u = -1 - u; else if (u > n - 0.5) u = 2 * n - 1 - u;
    return Math.min(Math.max(u, -0.5), n - 0.5);
  };
  window.seeIt = { unpack, makeField, Chains };

  const number = new Intl.NumberFormat("en-US");
  const still = matchMedia("(prefers-reduced-motion: reduce)"), dark = matchMedia("(prefers-color-scheme: dark)");
  const rgb = (color) => color.match(/[\d.]+/g).slice(0, 3).map(Number);

  class View {
    constructor(root, data, target, modes, maps) {
      Object.assign(this, { root, data, modes });
      this.target = target && makeField(target[0], data.shape);
      this.units = this.target && { mean: this.target.mean, sd: this.target.sd };
      this.maps = maps;
      this.fields = new Map();
      this.numModes = modes ? Math.max(...modes) + 1 : 0;
      this.frame = this.frame.bind(this);
      this.chains = [new Chains(NUM_PARTICLES), new Chains(NUM_PARTICLES)];
      const find = (name) => root.querySelector(`[data-part="${name}"]`);
      this.parts = Object.fromEntries(["canvas", "wipe", "left", "right", "time", "when", "curve", "run", "noise", "exact", "size", "heat", "size-value", "heat-value", "progress", "modes", "legend"].map((name) => [name, find(name)]));
      this.context = this.parts.canvas.getContext("2d");
      this.listen();
    }

    listen() {
      const { left, right, wipe, time, run, noise, exact, size, heat, canvas } = this.parts;
      const redraw = () => { this.paint(); this.draw(); };
      for (const part of [left, right, time, ...this.root.querySelectorAll("[data-show]")]) part.addEventListener("input", redraw);
      wipe.addEventListener("input", () => this.draw());
      size.value = Math.log10(this.data.step);
      this.restore();
      for (const part of [size, heat]) part.addEventListener("input", () => this.draw());
      noise.addEventListener("click", () => this.start("fromNoise"));
      exact.addEventListener("click", () => this.start("fromExact"));
      run.addEventListener("click", () => { if (this.isRunning) this.pause(); else this.run(); });
      dark.addEventListener("change", redraw);
      for (const element of [document.documentElement, document.body]) new MutationObserver(redraw).observe(element, { attributeFilter: ["data-theme"] });
      new ResizeObserver(redraw).observe(canvas.parentElement);
      new IntersectionObserver(([entry]) => {
        this.isVisible = entry.isIntersecting;
        if (this.isVisible && this.isRunning) this.request();
      }).observe(canvas);
    }

    // Take the choices of the URL, and keep later ones there: `left.half_moons=nce`.
    restore() {
      const fields = [...["left", "right", "time", "wipe", "size", "heat"].map((name) => [name, this.parts[name]]), ...[...this.root.querySelectorAll("[data-show]")].map((field) => ["show", field])];
      for (const [name, field] of fields) {
        const key = `${name}.${this.root.dataset.name}`, options = [...(field.options ?? [])], kept = state.get(key);
        const value = () => (field.options ? field.selectedOptions[0].text : field.value);
        const initial = field.type === "radio" ? this.root.querySelector("[data-show]").value : value();
        if (kept !== null && field.options) field.value = options.find((option) => option.text === kept)?.value ?? field.value;
        else if (kept !== null && field.type === "radio") field.checked ||= field.value === kept;
        else if (kept !== null) field.value = kept;
        field.addEventListener("change", () => keep(key, value() === initial ? "" : value()));
      }
    }

    // side 0 is left, 1 is right; the last method is the target itself
    field(side) {
      const index = Number(this.parts[side ? "right" : "left"].value);
      const method = this.data.methods[index];
      if (!method) return this.target;
      const last = method.steps.length - 1, at = Math.round((last * this.parts.time.value) / Math.max(this.parts.time.max, 1));
      const key = `${index} ${at}`;
      if (!this.fields.has(key)) this.fields.set(key, makeField(this.maps[index][at], this.data.shape, this.units));
      return Object.assign(this.fields.get(key), { method, at });
    }
    name(side) { return this.field(side).method?.name ?? "target"; }
    value(side) { const { method, at } = this.field(side); return method ? `${this.data.label} ${method.values[at]}` : ""; }

    // Draw the maps of both sides into pictures; `draw` puts them on the canvas with the particles.
    paint() {
      const { canvas } = this.parts, [x0, x1, y0, y1] = this.data.view;
      const width = Math.min(Math.round(canvas.parentElement.clientWidth * Math.min(devicePixelRatio, 2)), 800);
      if (!width) return;
      canvas.parentElement.style.maxWidth = `${(560 * (x1 - x0)) / (y1 - y0)}px`;
      canvas.width = width;
      canvas.height = Math.round((width * (y1 - y0)) / (x1 - x0));
      const { color, outlineColor } = getComputedStyle(canvas);
      Object.assign(this, { ink: color, accent: rgb(outlineColor) });
      this.show = this.root.querySelector("[data-show]:checked").value;
      this.pictures = [0, 1].map((side) => this.picture(this.field(side)));
      this.parts.legend.dataset.kind = this.show;
      canvas.setAttribute("aria-label", `${this.show} on ${this.root.dataset.name}: left ${this.name(0)} (${this.value(0)}), right ${this.name(1)} (${this.value(1)})`);
      this.drawCurve();
    }

    picture(field) {
      const { canvas } = this.context, { shape: [nx, ny], box, view } = this.data;
      const width = Math.min(canvas.width, 520), height = Math.round((width * canvas.height) / canvas.width);
      const image = new ImageData(width, height), pixels = image.data;
      const { values } = field, target = this.target?.values, top = (this.target ?? field).values.reduce((a, b) => Math.max(a, b));
      const lowest = -values.reduce((a, b) => Math.max(a, b)), edge = target && this.edge();
      const columns = Array.from({ length: width }, (_, px) => ((view[0] + ((px + 0.5) / width) * (view[1] - view[0]) - box[0]) / (box[1] - box[0])) * nx - 0.5);
      const before = new Uint8Array(width), outline = rgb(this.ink);
      for (let py = 0; py < height; py++) {
        const y = ((view[3] - ((py + 0.5) / height) * (view[3] - view[2]) - box[2]) / (box[3] - box[2])) * ny - 0.5;
        const j = Math.min(Math.max(Math.floor(y), 0), ny - 2), b = Math.min(Math.max(y - j, 0), 1);
        let inside = 0;
        for (let px = 0; px < width; px++) {
          const i = Math.min(Math.max(Math.floor(columns[px]), 0), nx - 2), a = Math.min(Math.max(columns[px] - i, 0), 1), n = i * ny + j;
          const w00 = (1 - a) * (1 - b), w01 = (1 - a) * b, w10 = a * (1 - b), w11 = a * b;
          const q = w00 * values[n] + w01 * values[n + 1] + w10 * values[n + ny] + w11 * values[n + ny + 1];
          const p = target ? w00 * target[n] + w01 * target[n + 1] + w10 * target[n + ny] + w11 * target[n + ny + 1] : q, k = 4 * (py * width + px);
          let color = this.accent, alpha;
          if (this.show === "error map") {
            const ratio = (q - p) / LN2;
            color = ratio > 0 ? HIGH : LOW;
            alpha = Math.min(Math.abs(ratio), 1) * Math.min(1, 50 * Math.exp(Math.max(p, q) - top));
          } else if (this.show === "density") alpha = Math.sqrt(Math.min(Math.exp(q - top), 1));
          else alpha = Math.max(0, 1 - Math.floor(-q - lowest) / 12);
          if (edge !== undefined) { // the dotted outline of the target's support
            const is = p > edge ? 1 : 0;
            if ((is !== inside || is !== before[px]) && px && py && ((px + py) >> 2) & 1) { color = outline; alpha = 0.8; }
            inside = before[px] = is;
          }
          pixels[k] = color[0]; pixels[k + 1] = color[1]; pixels[k + 2] = color[2]; pixels[k + 3] = 255 * alpha;
        }
      }
      const sheet = new OffscreenCanvas(width, height);
      sheet.getContext("2d").putImageData(image, 0, 0);
      const picture = new OffscreenCanvas(canvas.width, canvas.height);
      picture.getContext("2d").drawImage(sheet, 0, 0, canvas.width, canvas.height);
      return picture;
    }

    // The density on the boundary of the target's 99.9% highest-density region.
    edge() {
      if (this.edgeValue === undefined) {
        const sorted = Float32Array.from(this.target.values).sort().reverse(), total = sorted.reduce((sum, v) => sum + Math.exp(v), 0);
        let sum = 0, k = 0;
        while (sum < 0.999 * total && k < sorted.length) sum += Math.exp(sorted[k++]);
        this.edgeValue = sorted[k - 1];
      }
      return this.edgeValue;
    }

    draw() {
      const { wipe, when, size, heat } = this.parts;
      if (!this.pictures) return;
      this.drawCanvas();
      this.parts["size-value"].textContent = (10 ** size.value).toPrecision(2);
      this.parts["heat-value"].textContent = Number(heat.value).toFixed(2);
      wipe.setAttribute("aria-valuetext", `${this.name(0)} on the left ${wipe.value}%, ${this.name(1)} on the rest`);
      when.replaceChildren(...[0, 1].map((side) => {
        const { method, at } = this.field(side), line = document.createElement("span");
        line.textContent = method ? `${method.name}: ${number.format(method.steps[at])} updates, ${this.value(side)}` : "target";
        return line;
      }));
      if (this.hasStarted) this.drawModes();
    }

    drawCanvas() {
      const { context } = this, { width, height } = context.canvas, { wipe } = this.parts;
      const cut = Math.round((width * wipe.value) / 100);
      context.clearRect(0, 0, width, height);
      [[0, cut], [cut, width]].forEach(([from, to], side) => {
        if (to <= from) return;
        context.drawImage(this.pictures[side], from, 0, to - from, height, from, 0, to - from, height);
        if (this.hasStarted) this.drawParticles(this.chains[side], from, to);
      });
      context.fillStyle = this.ink;
      context.font = `600 ${Math.max(13, width / 42)}px system-ui, sans-serif`;
      context.textBaseline = "top";
      [0, 1].forEach((side) => {
        context.textAlign = side ? "right" : "left";
        context.fillText(this.name(side), side ? width - 10 : 10, 10, width / 2 - 20);
      });
      context.fillRect(cut - 1, 0, 2, height);
      context.fillRect(cut - 5, height / 2 - 14, 10, 28);
    }

    drawParticles({ u, v, num }, from, to) {
      const { context } = this, { width, height } = context.canvas, { shape: [nx, ny], box, view } = this.data;
      const ax = (((box[1] - box[0]) / nx) * width) / (view[1] - view[0]), bx = ((box[0] - view[0]) * width) / (view[1] - view[0]) + ax / 2;
      const ay = (((box[3] - box[2]) / ny) * height) / (view[3] - view[2]), by = ((view[3] - box[2]) * height) / (view[3] - view[2]) - ay / 2;
      const dot = Math.max(1.5, width / 300);
      context.fillStyle = this.ink;
      for (let k = 0; k < num; k++) {
        const x = ax * u[k] + bx;
        if (x >= from && x < to) context.fillRect(x - dot / 2, by - ay * v[k] - dot / 2, dot, dot);
      }
    }

    // Bars: the frequency of each mode among the chains; ticks: its weight under the target.
    drawModes() {
      const { modes, progress } = this.parts, steps = number.format(this.chains[0].time);
      progress.textContent = `${number.format(NUM_PARTICLES)} chains per side, ${steps} steps`;
      if (this.numModes < 2) return;
      if (!this.weights) {
        this.weights = new Float64Array(this.numModes);
        this.target.values.forEach((value, k) => { this.weights[this.modes[k]] += Math.exp(value); });
        const total = this.weights.reduce((a, b) => a + b);
        this.weights = this.weights.map((w) => w / total);
      }
      const both = this.chains.map((chains) => chains.frequencies(this.target, this.modes, this.numModes));
      const top = 1.25 * Math.max(...this.weights, ...both[0], ...both[1]), w = 300 / this.numModes;
      const bar = (value, x, width, kind) => `<rect class="${kind}" x="${x}" y="${70 - (66 * value) / top}" width="${width}" height="${(66 * value) / top}"/>`;
      let shapes = "";
      for (let m = 0; m < this.numModes; m++) {
        const y = 70 - (66 * this.weights[m]) / top;
        shapes += bar(both[0][m], m * w + 0.12 * w, 0.36 * w, "left") + bar(both[1][m], m * w + 0.52 * w, 0.36 * w, "right");
        shapes += `<path class="weight" d="M${m * w + 0.04 * w} ${y}h${0.92 * w}"/>`;
      }
      modes.innerHTML = shapes;
      const tv = both.map((f) => 0.5 * f.reduce((sum, value, m) => sum + Math.abs(value - this.weights[m]), 0));
      modes.setAttribute("aria-label", `Mode frequencies of the chains against the target's weights: mode-frequency TV ${tv[0].toFixed(3)} (${this.name(0)}), ${tv[1].toFixed(3)} (${this.name(1)})`);
      modes.nextElementSibling.textContent = `Mode-frequency TV: ${this.name(0)} ${tv[0].toFixed(3)}, ${this.name(1)} ${tv[1].toFixed(3)}`;
    }

    // The metric over training, log scale: left solid, right dashed; a dot at the snapshot shown.
    drawCurve() {
      const { curve } = this.parts, fields = [this.field(0), this.field(1)].filter((field) => field.method);
      const values = fields.flatMap(({ method }) => method.curve.map(([, value]) => value));
      if (!values.length) return curve.replaceChildren();
      const isLog = Math.min(...values) > 0, scale = isLog ? Math.log10 : (value) => value;
      const low = scale(Math.min(...values)), high = scale(Math.max(...values)), span = high - low || 1;
      const x = (step, method) => 42 + (250 * step) / method.curve.at(-1)[0], y = (value) => 92 - (80 * (scale(value) - low)) / span;
      const text = (value, place) => `<text x="38" y="${place}" text-anchor="end">${Number(value.toPrecision(2))}</text>`;
      curve.innerHTML = text(Math.max(...values), 16) + text(Math.min(...values), 96) + `<path class="axis" d="M42 8V98H294"/>` + fields.map(({ method, at }, n) => {
        const line = method.curve.map(([step, value]) => `${x(step, method).toFixed(1)} ${y(value).toFixed(1)}`).join("L");
        const shown = method.curve.find(([step]) => step === method.steps[at]);
        return `<path class="${n ? "right" : "left"}" d="M${line}"/>` + (shown ? `<circle cx="${x(shown[0], method)}" cy="${y(shown[1])}" r="4"/>` : "");
      }).join("");
      curve.setAttribute("aria-label", `${this.data.label} over training: ${[0, 1].map((side) => `${this.name(side)} ${this.value(side)}`).join(", ")}`);
    }

    start(how) {
      this.chains.forEach((chains, side) => { chains.state = 1; chains[how](this.field(side)); });
      this.hasStarted = true;
      this.draw();
      this.parts.canvas.scrollIntoView({ block: "nearest" });
      if (!still.matches && !this.isRunning) this.run();
    }
    run() {
      if (!this.hasStarted) { this.hasStarted = true; this.chains.forEach((chains, side) => chains.fromNoise(this.field(side))); }
      if (still.matches) { this.advance(500); this.draw(); return; }
      this.isRunning = true;
      this.parts.run.textContent = "Pause";
      this.request();
    }
    pause() { this.isRunning = false; this.parts.run.textContent = "Run"; }
    request() { if (!this.isPending) { this.isPending = true; requestAnimationFrame(this.frame); } }
    advance(num) {
      const fields = [this.field(0), this.field(1)], h = 10 ** this.parts.size.value, temperature = Number(this.parts.heat.value);
      for (let n = 0; n < num; n++) this.chains.forEach((chains, side) => chains.step(fields[side], h, temperature));
    }
    frame() {
      this.isPending = false;
      if (!this.isRunning || !this.isVisible) return;
      this.advance(STEPS_PER_FRAME);
      this.drawCanvas();
      if (this.chains[0].time % (10 * STEPS_PER_FRAME) === 0) this.drawModes();
      this.request();
    }
  }

  const open = async (root) => {
    const data = JSON.parse(root.querySelector("script").textContent);
    const [target, modes, ...maps] = await Promise.all([
      data.target && unpack(data.target, data.shape), data.modes && inflate(data.modes), ...data.methods.map((method) => unpack(method, data.shape)),
    ]);
    root.querySelector(".see-live").hidden = false;
    root.view = new View(root, data, target, modes, maps);
    root.dataset.ready = "";
  };
  if (!window.DecompressionStream || !window.OffscreenCanvas) return;
  const near = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(({ target }) => { near.unobserve(target); open(target); }), { rootMargin: "600px" });
  document.querySelectorAll(".see-it").forEach((root) => near.observe(root));
})();
