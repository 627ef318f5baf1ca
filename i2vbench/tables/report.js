"use strict";
(() => {
  const CLIPS_AT_ONCE = 8;
  const SVG = "http://www.w3.org/2000/svg";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  // The data are read when a row is first unfolded: until then the page is its tables.
  const read = {};
  const json = (id) => (read[id] ??= JSON.parse(document.getElementById(id).textContent));

  // Text from outside reaches the page through textContent and setAttribute only.
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  const addresses = new Map();
  const address = (name) => {
    if (!addresses.has(name)) {
      const media = json("media");
      if (Object.hasOwn(media, name)) {
        const bytes = Uint8Array.from(atob(media[name]), (c) => c.charCodeAt(0));
        const type = name.endsWith(".png") ? "image/png" : "video/mp4";
        addresses.set(name, URL.createObjectURL(new Blob([bytes], { type })));
      } else {
        addresses.set(name, name.split("/").map(encodeURIComponent).join("/"));
      }
    }
    return addresses.get(name);
  };

  // Videos of one clip run in step: they start together, and begin again when the longest has ended.
  class Group {
    constructor(block, videos, button) {
      this.videos = videos;
      this.button = button;
      this.held = still;
      this.visible = false;
      for (const video of videos) {
        video.addEventListener("loadeddata", () => this.update());
        video.addEventListener("ended", () => this.again());
        video.addEventListener("click", () => this.toggle());
      }
      button.addEventListener("click", () => this.toggle());
      Group.of.set(block, this);
      Group.near.observe(block);
      Group.seen.observe(block);
    }
    load(near) {
      for (const video of this.videos) {
        if (near && !video.src) {
          video.preload = "auto";
          video.src = address(video.dataset.name);
        } else if (!near && video.src) {
          video.removeAttribute("src");
          video.load();
        }
      }
      this.update();
    }
    show(visible) {
      this.visible = visible;
      this.update();
    }
    toggle() {
      this.held = !this.held;
      this.update();
    }
    get playable() {
      return this.videos.filter((video) => !video.error);
    }
    update() {
      const videos = this.playable;
      const run = this.visible && !this.held && videos.every((video) => video.readyState >= 2);
      this.button.textContent = this.held ? "Play" : "Pause";
      const time = Math.max(0, ...videos.map((video) => video.currentTime));
      for (const video of videos) {
        if (!run) video.pause();
        else if (video.paused && !video.ended) {
          if (Math.abs(video.currentTime - time) > 0.05) video.currentTime = Math.min(time, video.duration);
          video.play().catch(() => undefined); // a browser may refuse to play unasked; the button remains
        }
      }
    }
    again() {
      if (this.held) return; // somebody is looking at the last frame
      if (!this.playable.every((video) => video.ended)) return;
      for (const video of this.playable) {
        video.currentTime = 0;
        if (!this.held && this.visible) video.play().catch(() => undefined);
      }
    }
  }
  Group.of = new WeakMap();
  const observe = (margin, tell) =>
    new IntersectionObserver(
      (entries) => entries.forEach((entry) => tell(Group.of.get(entry.target), entry.isIntersecting)),
      { rootMargin: margin },
    );
  // Browsers hold some tens of players at once: videos far from the window are let go.
  Group.near = observe("200% 0px", (group, near) => group.load(near));
  Group.seen = observe("0px", (group, visible) => group.show(visible));

  const sparkline = (name, values, threshold, low, high) => {
    const box = make("div", "series", name.replaceAll("_", " "));
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    const title = document.createElementNS(SVG, "title");
    title.textContent = `${name}: ${values.length} values from ${Math.min(...values)} to ${Math.max(...values)}`;
    const line = document.createElementNS(SVG, "polyline");
    const y = (v) => (high > low ? 22 - (20 * (v - low)) / (high - low) : 12);
    line.setAttribute("points", values.map((v, i) => `${(100 * i) / (values.length - 1)},${y(v).toFixed(2)}`).join(" "));
    svg.append(title, line);
    if (threshold !== undefined) {
      const limit = document.createElementNS(SVG, "line");
      limit.setAttribute("class", "threshold");
      for (const [end, x] of [["1", 0], ["2", 100]]) {
        limit.setAttribute(`x${end}`, x);
        limit.setAttribute(`y${end}`, y(threshold).toFixed(2));
      }
      svg.append(limit);
    }
    box.prepend(svg);
    return box;
  };

  // The lines of one clip share their scale, so that models can be compared by eye.
  const ranges = (scores) => {
    const found = {};
    for (const score of scores) {
      for (const [name, values] of Object.entries(score?.series ?? {})) {
        const [low, high] = found[name] ?? [Infinity, -Infinity];
        const all = score.threshold === undefined ? values : [...values, score.threshold];
        found[name] = [Math.min(low, ...all), Math.max(high, ...all)];
      }
    }
    return found;
  };

  // What a metric saw: boxes over the video, a mark for each frame that was looked at, and the words of the one shown.
  class Seen {
    constructor(player, seen) {
      this.player = player;
      this.seen = seen;
      this.shown = -1;
      this.svg = document.createElementNS(SVG, "svg");
      this.svg.setAttribute("class", "boxes");
      this.svg.setAttribute("aria-hidden", "true");
      this.marks = make("div", "marks");
      this.marks.setAttribute("role", "group");
      this.marks.setAttribute("aria-label", "Frames that were looked at");
      this.words = make("div", "words");
      seen.frames.forEach((frame, i) => {
        const mark = make("button", frame.hit ? "mark hit" : "mark");
        mark.type = "button";
        mark.title = `${frame.hit ? "success" : "no success"}: ${frame.text}`;
        mark.setAttribute("aria-label", `Frame ${frame.frame}, ${mark.title}`);
        mark.addEventListener("click", () => this.go(i));
        this.marks.append(mark);
      });
      const follow = () => {
        this.show();
        if (player.requestVideoFrameCallback) player.requestVideoFrameCallback(follow);
      };
      player.addEventListener("loadeddata", follow);
      for (const event of ["timeupdate", "seeked"]) player.addEventListener(event, () => this.show());
      this.show();
    }
    go(i) {
      const group = Group.of.get(this.player.closest(".clip"));
      if (!group.held) group.toggle();
      const { seconds } = this.seen.frames[i];
      this.pressed = i;
      for (const video of group.playable) video.currentTime = Math.min(seconds, (video.duration || seconds + 1) - 0.001);
      this.show(i);
    }
    show(i) {
      const { frames, fps } = this.seen;
      // The last one that has begun; its seconds lie amid it. A short clip's last frame has several marks.
      const time = this.player.currentTime + 0.5 / fps + 1e-3;
      const begun = Math.max(0, frames.findLastIndex((frame) => frame.seconds <= time));
      const first = frames.findIndex((frame) => frame.seconds === frames[begun].seconds);
      const same = frames[this.pressed]?.seconds === frames[begun].seconds;
      const at = i ?? (same && this.player.paused ? this.pressed : first);
      if (at === this.shown && this.svg.hasAttribute("viewBox")) return;
      this.shown = at;
      [...this.marks.children].forEach((mark, j) => mark.setAttribute("aria-pressed", String(j === at)));
      this.words.textContent = `${frames[at].frame}: ${frames[at].text}`;
      this.draw(frames[at]);
    }
    draw(frame) {
      const { videoWidth: width, videoHeight: height } = this.player;
      if (!width) return;
      // The metric's frame covers the video: what stands over was cut off evenly.
      const [high, wide] = this.seen.size;
      const scale = Math.max(wide / width, high / height);
      const [x, y] = [(width - wide / scale) / 2, (height - high / scale) / 2];
      this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      this.svg.replaceChildren();
      const em = width / 16;
      for (const [name, left, top, right, bottom, wanted] of frame.boxes) {
        const group = document.createElementNS(SVG, "g");
        if (wanted) group.setAttribute("class", "wanted");
        const box = document.createElementNS(SVG, "rect");
        const [l, t] = [x + left / scale, y + top / scale];
        const facts = { x: l, y: t, width: (right - left) / scale, height: (bottom - top) / scale };
        for (const [key, value] of Object.entries(facts)) box.setAttribute(key, Math.max(0, value).toFixed(1));
        const label = document.createElementNS(SVG, "text");
        label.setAttribute("x", (l + em / 4).toFixed(1));
        label.setAttribute("y", (t + em).toFixed(1));
        label.setAttribute("font-size", em.toFixed(1));
        label.textContent = name;
        group.append(box, label);
        this.svg.append(group);
        const room = width - em / 4 - label.getComputedTextLength(); // where a name must begin to stay in the frame
        label.setAttribute("x", Math.max(em / 4, Math.min(l + em / 4, room)).toFixed(1));
      }
    }
  }

  const STATES = { failed: "failed", not_applicable: "not applicable", owed: "not measured yet" };

  const figure = (label, sample, video, score, scales) => {
    const node = make("figure");
    const caption = make("figcaption");
    const name = make("bdi", "model", label);
    if (video.at) {
      const player = make("video");
      player.muted = true;
      player.playsInline = true;
      player.preload = "none";
      player.dataset.name = video.at;
      player.setAttribute("aria-label", `${label}, ${sample}`);
      player.addEventListener("error", () => player.replaceWith(make("div", "missing failed", "the video cannot be shown")));
      const stage = make("div", "stage");
      stage.append(player);
      node.append(stage);
      if (score?.seen) {
        const seen = new Seen(player, score.seen);
        stage.append(seen.svg);
        caption.append(seen.marks, seen.words);
      }
    } else {
      node.append(make("div", score?.state === "failed" ? "missing failed" : "missing", video.why));
    }
    caption.prepend(name, make("span", "score", score?.text ?? (score?.state === "done" ? "" : "–")));
    if (score && score.state !== "done") {
      const state = STATES[score.state];
      const why = score.why && score.why !== video.why && score.why !== state ? `${state}: ${score.why}` : state;
      caption.append(make("span", "why", why));
    }
    for (const [name, values] of Object.entries(score?.series ?? {})) {
      caption.append(sparkline(name, values, score.threshold, ...scales[name]));
    }
    if (score?.facts) caption.append(make("span", "measured", score.facts));
    node.append(caption);
    return node;
  };

  const about = (clip) => {
    const node = make("div", "about");
    const frame = make("div", "frame");
    if (clip.frame.at) {
      const image = make("img");
      image.src = address(clip.frame.at);
      image.alt = `First frame of ${clip.sample}`;
      frame.append(image);
    } else {
      frame.append(make("div", "missing", clip.frame.why));
    }
    const prompt = make("p", "prompt", clip.prompt || "(no prompt)");
    prompt.dir = "auto";
    node.append(frame, prompt, make("p", "facts", `${clip.sample}, ${clip.seed}`));
    const words = [];
    if (clip.objects.length) words.push(`Objects: ${clip.objects.join(", ")}`);
    if (clip.scene) words.push(`Scene: ${clip.scene}`);
    if (words.length) node.append(make("p", "facts", words.join(". ")));
    return node;
  };

  const block = (clip, scores, columns) => {
    const node = make("article", "clip");
    const left = about(clip);
    const right = make("div", "videos");
    const scales = ranges(scores);
    columns.forEach((label, c) => {
      right.append(figure(label, clip.sample, clip.videos[c] ?? { why: "no such clip in this run" }, scores[c], scales));
    });
    node.append(left, right);
    const videos = [...right.querySelectorAll("video")];
    if (videos.length) {
      const button = make("button", "play", "Pause");
      button.type = "button";
      left.append(button);
      new Group(node, videos, button);
    }
    return node;
  };

  const ANY = "-1";

  const fill = (panel, metric, row) => {
    const { clips, columns, metrics, rows, scores } = json("data");
    const { direction } = metrics[metric];
    const members = clips.map((_, i) => i).filter((i) => row === rows.length - 1 || clips[i].row === row);
    const sign = direction === "higher" ? 1 : -1; // ascending is worst first
    const numbers = (i) => scores[metric][i].map((score) => score?.value).filter((value) => value !== undefined);
    const scored = columns.map((_, c) => members.some((i) => scores[metric][i][c]?.value !== undefined));

    const controls = make("div", "controls");
    const by = make("select");
    by.setAttribute("aria-label", "Sort by the score of");
    by.append(new Option("the worst model of each clip", ANY));
    columns.forEach((label, c) => scored[c] && by.append(new Option(label, String(c))));
    const order = make("button", "", "Order: worst first");
    order.type = "button";
    let worstFirst = true;
    if (scored.some(Boolean)) controls.append(make("span", "", "Sort by"), by, order);
    controls.append(make("span", "count", `${members.length} ${members.length === 1 ? "clip" : "clips"}`));

    const key = (i) => {
      const values = by.value === ANY ? numbers(i) : [scores[metric][i][Number(by.value)]?.value];
      const signed = values.filter((value) => value !== undefined).map((value) => sign * value);
      return signed.length ? Math.min(...signed) : undefined;
    };
    const show = () => {
      const keys = new Map(members.map((i) => [i, key(i)]));
      const turn = worstFirst ? 1 : -1;
      const sorted = [...members].sort((a, b) => {
        const [x, y] = [keys.get(a), keys.get(b)];
        if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || a - b;
        return turn * (x - y) || a - b;
      });
      panel.replaceChildren(controls);
      let shown = 0;
      const more = make("button", "more");
      more.type = "button";
      const next = () => {
        more.remove();
        for (const i of sorted.slice(shown, shown + CLIPS_AT_ONCE)) panel.append(block(clips[i], scores[metric][i], columns));
        shown = Math.min(shown + CLIPS_AT_ONCE, sorted.length);
        if (shown < sorted.length) {
          more.textContent = `Show more (${sorted.length - shown} left)`;
          panel.append(more);
        }
      };
      more.addEventListener("click", next);
      next();
    };
    by.addEventListener("change", show);
    order.addEventListener("click", () => {
      worstFirst = !worstFirst;
      order.textContent = worstFirst ? "Order: worst first" : "Order: best first";
      show();
    });
    show();
  };

  for (const button of document.querySelectorAll("button.unfold")) {
    button.addEventListener("click", () => {
      const row = document.getElementById(button.getAttribute("aria-controls"));
      const open = row.hidden;
      const panel = row.querySelector(".clips");
      if (open) fill(panel, Number(button.dataset.metric), Number(button.dataset.row));
      else panel.replaceChildren(); // frees the decoders
      row.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
    });
  }

  const measure = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      box.classList.remove("wide");
      const table = box.querySelector("table");
      const wide = table.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wide", wide);
      box.tabIndex = wide ? 0 : -1; // what scrolls must be within the keyboard's reach
    }
  };
  measure();
  addEventListener("resize", measure);
})();
