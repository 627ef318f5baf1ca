(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const POLL_MS = 1000;
  const TOAST_MS = 8000;
  const CHECK_MS = 200;
  const DIGITS = 9;

  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // Every address is below the page's own, which begins with the secret.
  const ask = async (path, body) => {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer;
    try {
      answer = await fetch(location.pathname + path, options || {});
    } catch {
      const lost = body ? ", so nothing was saved" : "";
      throw Object.assign(new Error(`The command does not answer any more${lost}.`), { gone: true });
    }
    if (answer.ok) return answer;
    let why = `the answer was ${answer.status}`;
    try { why = (await answer.json()).why ?? why; } catch { /* it is no JSON of ours */ }
    throw Object.assign(new Error(why), { status: answer.status });
  };
  const json = async (path, body) => (await ask(path, body)).json();

  let clips = [];
  let shown = null; // the clip on the page
  let ticket = 0; // of the latest wish to show a clip; answers to earlier ones are thrown away
  let busy = false;
  let prefilled = { objects: "", scene: "" };
  const visited = [];
  let undoable = null;
  let polling = 0;
  let checking = 0;

  // -- which clips ------------------------------------------------------------------------------------------------

  const inFilter = (clip) =>
    ($("filter").value === "all" || clip.state === $("filter").value) &&
    ($("category").value === "" || clip.category === $("category").value);

  const nextAfter = (index, step) => {
    for (let i = 1; i <= clips.length; i++) {
      const at = (((index + step * i) % clips.length) + clips.length) % clips.length;
      if (at !== index && inFilter(clips[at])) return at;
    }
    return index >= 0 && inFilter(clips[index]) ? index : null;
  };

  const drawCounts = () => {
    const done = clips.filter((clip) => clip.state !== "left");
    const rejected = clips.filter((clip) => clip.state === "rejected").length;
    $("bar").max = Math.max(1, clips.length);
    $("bar").value = done.length;
    $("count").textContent = `${done.length} of ${clips.length} done` + (rejected ? `, ${rejected} of them rejected` : "");
    const chosen = $("category").value;
    const names = [...new Set(clips.map((clip) => clip.category))];
    const options = names.map((name) => {
      const all = clips.filter((clip) => clip.category === name);
      const finished = all.filter((clip) => clip.state !== "left").length;
      return new Option(`${name} (${finished} of ${all.length} done)`, name);
    });
    $("category").replaceChildren(new Option(names.length > 1 ? "all categories" : "the one category", ""), ...options);
    $("category").value = chosen;
  };

  const trouble = (text) => {
    $("trouble").textContent = text;
    $("trouble").hidden = !text;
  };

  const overview = async () => {
    const data = await json("clips");
    clips = data.clips;
    trouble(data.trouble);
    drawCounts();
  };

  // -- one clip ---------------------------------------------------------------------------------------------------

  const media = new Map(); // addresses of what was fetched, by path; the newest few
  const fetched = (path) => {
    if (!media.has(path)) {
      media.set(path, ask(path).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob)));
      for (const [old, address] of media) {
        if (media.size <= 12) break;
        media.delete(old);
        address.then(URL.revokeObjectURL, () => {});
      }
    }
    return media.get(path);
  };

  const fill = async (box, path, build, mine) => {
    box.replaceChildren(make("div", "missing", "…"));
    let node;
    try {
      node = build(await fetched(path));
    } catch (error) {
      media.delete(path);
      node = make("div", "missing", error.message);
    }
    if (mine === ticket) box.replaceChildren(node);
  };

  const picture = (alt) => (address) => Object.assign(make("img"), { src: address, alt });
  const player = (address) => {
    const video = make("video");
    Object.assign(video, { muted: true, loop: true, playsInline: true, src: address });
    video.autoplay = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    video.controls = !video.autoplay;
    video.setAttribute("aria-label", "The clip");
    return video;
  };

  const show = async (index, remember = true) => {
    const mine = ++ticket;
    clearTimeout(polling);
    if (index === null) return nothing();
    if (remember && shown && shown.index !== index) visited.push(shown.index);
    let clip;
    try {
      clip = await json(`clips/${index}`);
    } catch (error) {
      return fault(error.message);
    }
    if (mine !== ticket) return;
    shown = clip;
    $("empty").hidden = true;
    $("clip").hidden = false;
    fault("");
    $("prompt").textContent = clip.prompt;
    const [begin, end] = clip.section ?? [];
    const times = clip.section ? `, ${begin} s to ${end === null ? "the end" : `${end} s`}` : "";
    $("where").textContent = `Clip ${index + 1} of ${clips.length}: ${clip.id}, ${clip.category}, ${clip.file}${times}`;
    $("several").checked = clip.objects.length > 1;
    setFields(clip.objects.join("; "), clip.scene);
    drawClip(clip);
    scrollTo(0, 0);
    document.activeElement?.blur();
    const [kind, build] = clip.is_video ? ["video", player] : ["frame", picture("The picture")];
    fill($("media"), `clips/${index}/${kind}`, build, mine);
    fill($("first"), `clips/${index}/frame`, picture("The first frame"), mine);
    const ahead = nextAfter(index, 1);
    if (ahead !== null && clips[ahead].is_video) {
      const path = `clips/${ahead}/video`;
      fetched(path).catch(() => media.delete(path)); // the reason is told when it is shown
    }
  };

  const nothing = () => {
    shown = null;
    $("clip").hidden = true;
    $("empty").hidden = false;
    const left = clips.filter((clip) => clip.state === "left").length;
    $("empty-text").textContent = left
      ? "There is no such clip. Choose others above."
      : "No clip is left. Everything is in metadata.csv; Finish ends the command.";
  };

  const STATES = { left: "no words yet", annotated: "annotated", rejected: "rejected: no words, on purpose" };

  /** What may change while a clip is on the page: its state and its proposal. */
  const drawClip = (clip) => {
    trouble(clip.trouble);
    if (clips[clip.index].state !== clip.state) {
      clips[clip.index].state = clip.state;
      drawCounts();
    }
    $("state").textContent = STATES[clip.state];
    $("state").className = `state ${clip.state}`;
    const proposal = clip.proposal;
    const untouched = $("objects").value === prefilled.objects && $("scene").value === prefilled.scene;
    if (proposal.state === "done" && clip.state === "left" && untouched) {
      setFields(proposal.first.objects, proposal.first.scene);
    }
    drawChips("objects", proposal, toggleObject);
    drawChips("scene", proposal, toggleScene);
    const captions = proposal.captions ?? [];
    $("captions").hidden = !captions.length;
    $("captions").querySelector("ul").replaceChildren(
      ...captions.map((caption) => {
        const line = make("li");
        line.append(make("span", "", caption.text), make("small", "", `${caption.frames} of ${proposal.frames} frames`));
        return line;
      })
    );
    if (proposal.state === "waiting") {
      const mine = ticket;
      polling = setTimeout(() => mine === ticket && poll(mine), POLL_MS);
    }
    changed();
  };

  const poll = async (mine) => {
    try {
      const clip = await json(`clips/${shown.index}`);
      if (mine !== ticket) return;
      // Words that another program wrote meanwhile are for the next look: what is on the page was decided on.
      shown.proposal = clip.proposal;
      drawClip(shown);
    } catch (error) {
      if (mine === ticket) fault(error.message);
    }
  };

  const drawChips = (name, proposal, toggle) => {
    const box = $(`${name}-chips`);
    if (proposal.state !== "done") {
      const text = { off: "", waiting: "Looking at the clip …", failed: `No proposal: ${proposal.reason}` }[proposal.state];
      box.replaceChildren(...(text ? [make("span", proposal.state === "failed" ? "warning" : "", text)] : []));
      return;
    }
    const faults = proposal.faults.map((f) => make("span", "warning", `${f.frames} of ${proposal.frames} frames: ${f.text}`));
    const chips = proposal[name].map((seen, i) => {
      const chip = make("button", seen.warning ? "chip doubtful" : "chip");
      chip.type = "button";
      chip.dataset.text = seen.text;
      chip.append(make("bdi", "", seen.text), make("small", "", `${seen.frames}/${proposal.frames}`));
      const key = i < DIGITS ? ` (${name === "scene" ? "Shift+" : ""}${i + 1})` : "";
      chip.title = `In ${seen.frames} of ${proposal.frames} frames${key}` + (seen.warning ? `. ${seen.warning}` : "");
      chip.addEventListener("click", () => toggle(seen.text));
      return chip;
    });
    const none = make("span", "", "The networks found none in this clip.");
    box.replaceChildren(...(chips.length ? chips : [none]), ...(name === "objects" ? faults : []));
  };

  // -- the fields -------------------------------------------------------------------------------------------------

  const objectWords = () => $("objects").value.split(";").map((word) => word.trim()).filter(Boolean);
  const sceneWords = () => $("scene").value.split(/\s+/).filter(Boolean);

  const setFields = (objects, scene) => {
    prefilled = { objects, scene };
    $("objects").value = objects;
    $("scene").value = scene;
  };

  const toggleObject = (word) => {
    const words = objectWords();
    const others = words.filter((other) => other !== word);
    const kept = $("several").checked ? others : [];
    $("objects").value = (words.includes(word) ? others : [...kept, word]).join("; ");
    changed();
  };

  const toggleScene = (text) => {
    const words = sceneWords();
    const given = text.split(/\s+/);
    const all = given.every((word) => words.includes(word));
    $("scene").value = (all ? words.filter((w) => !given.includes(w)) : [...new Set([...words, ...given])]).join(" ");
    changed();
  };

  const changed = () => {
    const objects = objectWords();
    const scene = sceneWords();
    const first = shown.proposal.first;
    for (const chip of $("objects-chips").querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(objects.includes(chip.dataset.text)));
    }
    for (const chip of $("scene-chips").querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.text.split(/\s+/).every((word) => scene.includes(word))));
    }
    const isProposed = first && objects.join("; ") === first.objects && scene.join(" ") === first.scene;
    $("accept").textContent = isProposed ? "Accept" : "Save correction";
    if (!first) $("accept").textContent = "Save";
    $("accept").disabled = busy || !(objects.length || scene.length);
    $("reject").textContent = shown.state === "annotated" ? "Remove words" : "Reject";
    clearTimeout(checking);
    checking = setTimeout(check, CHECK_MS);
  };

  const check = async () => {
    const [mine, objects, scene] = [ticket, $("objects").value, $("scene").value];
    let said;
    try {
      said = await json(`clips/${shown.index}/check`, { objects, scene });
    } catch {
      return; // saving will say why
    }
    if (mine !== ticket || $("objects").value !== objects || $("scene").value !== scene) return;
    for (const name of ["objects", "scene"]) {
      $(`${name}-said`).replaceChildren(...said[name].map((line) => make("li", line.bad ? "bad" : "", line.text)));
    }
    fault(said.fault);
  };

  const fault = (text) => {
    $("fault").textContent = text;
    $("fault").hidden = !text;
    if (text && $("clip").hidden) trouble(text);
  };

  // -- deciding ---------------------------------------------------------------------------------------------------

  const words = (clip) => ({ objects: clip.objects, scene: clip.scene });

  const send = async (index, decision, objects, scene, before) => {
    busy = true;
    $("accept").disabled = true;
    try {
      const clip = await json(`clips/${index}`, { decision, objects, scene, before });
      clips[index].state = clip.state;
      drawCounts();
      return clip;
    } finally {
      busy = false;
    }
  };

  const decide = async (decision) => {
    if (busy || !shown || (decision === "annotate" && $("accept").disabled)) return;
    const before = shown;
    const goal = nextAfter(before.index, 1);
    let clip;
    try {
      clip = await send(before.index, decision, $("objects").value, $("scene").value, words(before));
    } catch (error) {
      fault(error.message);
      if (error.status === 409) {
        await refreshWords(before.index);
        fault(`${error.message}. What is typed above was not saved; saving again replaces those words.`);
      }
      changed();
      return;
    }
    undoable = { index: before.index, state: before.state, objects: before.objects.join("; "), scene: before.scene, after: words(clip) };
    const said = [clip.objects.join("; "), clip.scene].filter(Boolean).join(" · ");
    toast(clip.state === "rejected" ? `${clip.id}: rejected` : `${clip.id}: saved ${said}`);
    const next = goal === before.index && !inFilter(clips[goal]) ? null : goal;
    show(next);
  };

  /** After a conflict: what is on disk becomes what the next save starts from; the fields stay as typed. */
  const refreshWords = async (index) => {
    try {
      const clip = await json(`clips/${index}`);
      if (shown?.index === index) Object.assign(shown, { objects: clip.objects, scene: clip.scene, state: clip.state });
    } catch { /* the fault is told already */ }
  };

  const undo = async () => {
    if (busy || !undoable) return;
    const { index, state, objects, scene, after } = undoable;
    undoable = null;
    $("toast").hidden = true;
    const decision = { left: "clear", rejected: "reject", annotated: "annotate" }[state];
    try {
      await send(index, decision, objects, scene, after);
    } catch (error) {
      return fault(error.message);
    }
    show(index);
  };

  let toasting = 0;
  const toast = (text) => {
    $("toast").querySelector("span").textContent = text;
    $("toast").hidden = false;
    clearTimeout(toasting);
    toasting = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
  };

  const forward = () => show(nextAfter(shown ? shown.index : -1, 1));
  const back = () => {
    const index = visited.pop();
    show(index === undefined ? nextAfter(shown ? shown.index : 0, -1) : index, false);
  };

  const finish = async () => {
    try {
      await ask("finish", {});
    } catch { /* it may end before it answers */ }
    ticket++;
    clearTimeout(polling);
    document.querySelector("header").hidden = true;
    $("clip").hidden = true;
    $("keys").hidden = true;
    $("toast").hidden = true;
    $("empty").hidden = false;
    $("empty-text").textContent = "Done. The command has ended; this page can be closed.";
  };

  // -- what a person does -----------------------------------------------------------------------------------------

  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    decide("annotate");
  });
  $("reject").addEventListener("click", () => decide("reject"));
  $("skip").addEventListener("click", forward);
  $("forward").addEventListener("click", forward);
  $("back").addEventListener("click", back);
  $("undo").addEventListener("click", undo);
  $("finish").addEventListener("click", finish);
  for (const name of ["objects", "scene"]) $(name).addEventListener("input", changed);
  for (const name of ["filter", "category"]) {
    $(name).addEventListener("change", (event) => {
      event.target.blur();
      show(shown && inFilter(clips[shown.index]) ? shown.index : nextAfter(shown ? shown.index : -1, 1));
    });
  }

  const edit = (name) => {
    $(name).focus();
    $(name).select();
  };
  const pause = () => {
    const video = document.querySelector("video");
    if (video) video.paused ? video.play() : video.pause();
  };
  const KEYS = { x: () => decide("reject"), n: forward, ArrowRight: forward, ArrowLeft: back, o: () => edit("objects"), s: () => edit("scene"), u: undo, " ": pause, Enter: () => decide("annotate") };

  addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (at.matches("input, select")) {
      if (event.key === "Escape") at.blur();
      return; // Enter in a field submits the form by itself
    }
    if (at.matches("button") && (event.key === "Enter" || event.key === " ")) return;
    const digit = /^Digit([1-9])$/.exec(event.code);
    const chip = digit && $(event.shiftKey ? "scene-chips" : "objects-chips").querySelectorAll(".chip")[digit[1] - 1];
    const act = chip ? () => chip.click() : KEYS[event.key];
    if (!act || (event.repeat && event.key === "Enter")) return;
    event.preventDefault();
    act();
  });

  overview().then(() => show(nextAfter(-1, 1)), (error) => trouble(error.message));
})();
