"use strict";
(() => {
  const board = globalThis.i2vbenchBoard;
  const root = document.querySelector("link[rel=stylesheet]").getAttribute("href").replace("style.css", "");

  // Text from outside reaches the page through textContent and setAttribute only.
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const button = (className, text, pressed) => {
    const node = make("button", className, text);
    node.type = "button";
    node.addEventListener("click", pressed);
    return node;
  };

  // The address holds the view, so that a link leads others to it.
  let state = new URLSearchParams(location.hash.slice(1));
  const keep = (name, value, unset = "") => {
    if (value === unset) state.delete(name);
    else state.set(name, value);
    const text = state.toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };

  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // an address of the main part would take the view's place
    document.getElementById("main").focus();
    document.getElementById("main").scrollIntoView();
  });

  // -- tables that sort ---------------------------------------------------------------------------------------------

  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  class Sorted {
    constructor(table, several) {
      this.table = table;
      this.name = several ? `sort-${table.id}` : "sort";
      this.rows = [...table.tBodies[0].rows]; // in the order of the file, which ties keep
      this.heads = [...table.tHead.rows[0].cells].filter((head) => head.dataset.key !== undefined);
      for (const head of this.heads) {
        const label = head.querySelector(".label");
        const node = button("", "", () => this.next(head));
        node.append(...(label ?? head).childNodes);
        (label ?? head).append(node);
      }
    }
    next(head) {
      const now = head.dataset.key === this.key ? this.order : "";
      const order = { "": "best", best: "worst", worst: "" }[now];
      this.sort(order ? head.dataset.key : "", order);
      keep(this.name, order ? `${order}.${head.dataset.key}` : "");
    }
    read() {
      const [, order, key] = /^(best|worst)\.(.*)$/s.exec(state.get(this.name) ?? "") ?? [];
      const known = this.heads.some((head) => head.dataset.key === key);
      this.sort(known ? key : "", known ? order : "");
    }
    sort(key, order) {
      this.key = key;
      this.order = order;
      const head = this.heads.find((one) => one.dataset.key === key);
      for (const one of this.heads) one.removeAttribute("aria-sort");
      let rows = this.rows;
      if (head && order) {
        const numbers = head.dataset.direction !== undefined;
        const up = (head.dataset.direction !== "higher") === (order === "best");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        rows = numbers ? this.byNumber(head.cellIndex, up) : this.byName(up);
      }
      this.table.tBodies[0].append(...rows);
    }
    byNumber(at, up) {
      const value = new Map(this.rows.map((row) => [row, parseFloat(row.cells[at].dataset.v)]));
      return [...this.rows].sort((a, b) => {
        const [x, y] = [value.get(a), value.get(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return up ? x - y : y - x;
      });
    }
    byName(up) {
      const name = (row) => row.cells[0].querySelector("a").textContent;
      return [...this.rows].sort((a, b) => (up ? 1 : -1) * words.compare(name(a), name(b)));
    }
  }
  const tables = [...document.querySelectorAll("table.sortable")];
  const sorted = tables.map((table) => new Sorted(table, tables.length > 1));

  // -- what is shown of them ----------------------------------------------------------------------------------------

  // What parts.html.jinja writes into a cell.
  const fill = (cell, [text = "", mark = "", n = 0, low = "", high = "", note = ""] = []) => {
    const nodes = [make({ best: "strong", second: "u" }[mark] ?? "span", text ? "" : "empty", text || "–")];
    if (note) {
      nodes.push(make("span", "noted", "*"));
      for (const node of text ? nodes.slice(1) : nodes) node.title = note;
    }
    if (text && low) nodes.push(make("small", "interval", `[${low}, ${high}]`));
    if (text && n) nodes.push(make("small", "", `n ${n}`));
    if (text) cell.dataset.v = text;
    else delete cell.dataset.v;
    cell.replaceChildren(...nodes);
  };

  const controls = document.getElementById("controls");
  const fields = controls?.elements ?? {};
  let category = 0;
  const choose = (at) => {
    if (at === category) return;
    category = at;
    for (const { table, rows } of sorted) {
      table.caption.firstChild.textContent = at ? board.categories[at] : "All clips";
      for (const row of rows) {
        board.models[row.dataset.row].cells[at].forEach((values, m) => fill(row.cells[m + 1], values));
      }
    }
  };
  const show = () => {
    const wanted = fields.q.value.trim().toLowerCase().split(/\s+/);
    const origin = fields.origin?.value ?? "";
    let shown = 0;
    const all = sorted.flatMap(({ rows }) => rows);
    for (const row of all) {
      const text = row.cells[0].textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word)) || (origin !== "" && row.dataset.origin !== origin);
      if (!row.hidden) shown += 1;
    }
    controls.querySelector("output").textContent = `${shown} of ${all.length} rows`;
    for (const table of tables) table.classList.toggle("no-intervals", fields.intervals?.checked === false);
    if (fields.category) choose(fields.category.selectedIndex);
  };
  const has = (select, value) => [...select.options].some((option) => option.value === value);
  const readControls = () => {
    fields.q.value = state.get("q") ?? "";
    for (const select of [fields.origin, fields.category]) {
      const value = state.get(select?.name) ?? "";
      if (select) select.value = has(select, value) ? value : "";
    }
    if (fields.intervals) fields.intervals.checked = state.get("intervals") !== "off";
    show();
  };
  if (controls) {
    controls.hidden = false;
    controls.addEventListener("submit", (event) => event.preventDefault());
    controls.addEventListener("input", (event) => {
      const { name, value, checked, type } = event.target;
      show();
      if (type === "checkbox") keep(name, checked ? "" : "off");
      else keep(name, value.trim());
      if (name === "category") for (const one of sorted) one.sort(one.key, one.order);
    });
  }

  // -- clips --------------------------------------------------------------------------------------------------------

  // All begin together; a row that plays is told to stop by the same button.
  const together = async (row, node) => {
    const videos = [...row.querySelectorAll("video")].filter((video) => !video.error);
    if (videos.some((video) => !video.paused)) {
      for (const video of videos) video.pause();
      return;
    }
    node.disabled = true;
    await Promise.all(videos.map((video) => ready(video)));
    node.disabled = false;
    for (const video of videos) video.currentTime = 0;
    for (const video of videos) video.play().catch(() => undefined); // a browser may refuse; each has its own controls
  };
  const ready = (video) =>
    new Promise((done) => {
      if (video.readyState >= 3 || video.error) return done();
      for (const event of ["canplay", "error"]) video.addEventListener(event, done, { once: true });
      video.preload = "auto";
      video.load();
    });
  const label = (row) => {
    const playing = [...row.querySelectorAll("video")].some((video) => !video.paused);
    row.querySelector(".play").textContent = playing ? "Pause all" : "Play all";
  };
  for (const row of document.querySelectorAll(".clip")) {
    const node = row.querySelector(".play");
    node.hidden = false;
    node.addEventListener("click", () => together(row, node));
    for (const event of ["play", "pause"]) row.addEventListener(event, () => label(row), true); // they do not bubble
  }

  const beside = document.getElementById("beside");
  const others = document.getElementById("others");
  const figure = (model, clip, sample) => {
    const node = make("figure", "other");
    const caption = make("figcaption");
    const name = make("bdi");
    const link = make("a", "who", model.name);
    link.href = `${root}models/${board.id}-${model.slug}.html`;
    name.append(link);
    caption.append(name);
    if (clip) {
      const [, video, frame, scores] = clip;
      const player = make("video");
      Object.assign(player, { muted: true, loop: true, playsInline: true, controls: true, preload: "none" });
      player.src = root + video;
      if (frame) player.poster = root + frame;
      player.setAttribute("aria-label", `${model.name}, ${sample}`);
      const list = make("dl");
      scores.forEach((score, m) => {
        if (!score) return;
        const line = make("div");
        line.append(make("dt", "", board.metrics[m].short), make("dd", "", score));
        list.append(line);
      });
      node.append(player);
      caption.append(list);
    } else {
      node.append(make("div", "absent", "no clip of this sample"));
    }
    node.append(caption);
    return node;
  };
  let chosen = [];
  const compare = () => {
    const models = chosen.map((slug) => board.models.find((model) => model.slug === slug));
    for (const row of beside.querySelectorAll(".clip")) {
      const sample = Number(row.dataset.sample);
      for (const old of row.querySelectorAll(".other")) old.remove();
      const clips = models.map((model) => [model, model.clips.find(([at]) => at === sample), board.samples[sample]]);
      row.querySelector(".videos").append(...clips.map((clip) => figure(...clip)));
      label(row);
    }
    const change = (slugs) => {
      chosen = slugs;
      keep("beside", slugs.join(",") || "none", defaults());
      compare();
    };
    const chips = models.map((model) => {
      const node = button("", `${model.name} ×`, () => change(chosen.filter((slug) => slug !== model.slug)));
      node.setAttribute("aria-label", `Take ${model.name} away`);
      return node;
    });
    others.querySelector(".chosen").replaceChildren(...chips);
    const { add } = others.elements;
    for (const option of add.options) option.disabled = chosen.includes(option.value);
    add.onchange = () => add.value && change([...chosen, add.value]);
    add.value = "";
    const said = models.map((model) => model.name).join(", ");
    others.querySelector("output").textContent = said ? `${models.length} beside it` : "none beside it";
  };
  const known = () => [...others.elements.add.options].map((option) => option.value).filter(Boolean);
  const defaults = () => known().slice(0, 2).join(",");
  const readOthers = () => {
    const wanted = (state.get("beside") ?? defaults()).split(",");
    chosen = known().filter((slug) => wanted.includes(slug));
    compare();
  };
  if (others) {
    others.hidden = false;
    others.addEventListener("submit", (event) => event.preventDefault());
  }

  // -- the rest -----------------------------------------------------------------------------------------------------

  for (const node of document.querySelectorAll(".copy")) {
    node.hidden = false;
    node.addEventListener("click", async () => {
      const code = node.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        node.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // where a page may not write to the clipboard
        node.textContent = "Selected";
      }
    });
  }

  const measure = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      box.classList.remove("wide");
      const wide = box.querySelector("table").scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wide", wide);
      box.tabIndex = wide ? 0 : -1; // what scrolls must be within the keyboard's reach
    }
  };
  const read = () => {
    state = new URLSearchParams(location.hash.slice(1));
    if (controls) readControls();
    for (const one of sorted) one.read();
    if (others) readOthers();
    measure();
  };
  read();
  addEventListener("hashchange", read);
  addEventListener("resize", measure);
})();
