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
  const FIELDS = ["prompt", "objects", "scene"];
  let prefilled = {}; // what was put into the fields, before a person changed it
  let typed = ""; // the prompt that a person wrote last, so that going through captions does not lose it
  const visited = [];
  let undoable = null;
  let polling = 0;
  let checking = 0;

  // -- which clips ------------------------------------------------------------------------------------------------

  const inFilter = (clip) => {
    const wanted = $("filter").value;
    const is = wanted === "all" || (wanted === "wordless" ? !clip.has_words : clip.state === wanted);
    return is && ($("category").value === "" || clip.category === $("category").value);
  };

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
    const [begin, end] = clip.section ?? [];
    const times = clip.section ? `, ${begin} s to ${end === null ? "the end" : `${end} s`}` : "";
    $("where").textContent = `Clip ${index + 1} of ${clips.length}: ${clip.id}, ${clip.category}, ${clip.file}${times}`;
    $("several").checked = clip.objects.length > 1;
    typed = "";
    setFields(texts(clip));
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

  const stateText = (clip) => {
    if (clip.state === "rejected") return "rejected: no words, on purpose";
    if (clip.state === "annotated") return hasWords(clip) ? "annotated" : "prompt checked, no words";
    return clip.prompt_state === "proposed" ? "prompt not checked yet" : "no words yet";
  };

  /** What may change while a clip is on the page: its state and its proposal. */
  const drawClip = (clip) => {
    trouble(clip.trouble);
    if (clips[clip.index].state !== clip.state) {
      noteState(clip);
      drawCounts();
    }
    $("state").textContent = stateText(clip);
    $("state").className = `state ${clip.state}`;
    const proposal = clip.proposal;
    const untouched = $("objects").value === prefilled.objects && $("scene").value === prefilled.scene;
    if (proposal.state === "done" && clip.state === "left" && !hasWords(clip) && untouched) {
      setFields({ objects: proposal.first.objects, scene: proposal.first.scene });
    }
    $("captions-rule").hidden = !proposal.captions?.length;
    drawChips("captions", proposal, takeCaption);
    drawChips("objects", proposal, toggleObject);
    drawChips("scene", proposal, toggleScene);
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
      const said = text && name !== "captions";
      box.replaceChildren(...(said ? [make("span", proposal.state === "failed" ? "warning" : "", text)] : []));
      return;
    }
    const faults = proposal.faults.map((f) => make("span", "warning", `${f.frames} of ${proposal.frames} frames: ${f.text}`));
    const chips = proposal[name].map((seen, i) => {
      const chip = make("button", seen.warning ? "chip doubtful" : "chip");
      chip.type = "button";
      chip.dataset.text = seen.text;
      chip.append(make("bdi", "", seen.text), make("small", "", `${seen.frames}/${proposal.frames}`));
      const digit = i < DIGITS ? ` (${name === "scene" ? "Shift+" : ""}${i + 1})` : "";
      const key = name === "captions" ? "" : digit;
      chip.title = `In ${seen.frames} of ${proposal.frames} frames${key}` + (seen.warning ? `. ${seen.warning}` : "");
      chip.addEventListener("click", () => toggle(seen.text));
      return chip;
    });
    const none = name === "captions" ? [] : [make("span", "", "The networks found none in this clip.")];
    box.replaceChildren(...(chips.length ? chips : none), ...(name === "objects" ? faults : []));
  };

  // -- the fields -------------------------------------------------------------------------------------------------

  const objectWords = () => $("objects").value.split(";").map((word) => word.trim()).filter(Boolean);
  const sceneWords = () => $("scene").value.split(/\s+/).filter(Boolean);

  /** What a clip's row says, as the fields have it. */
  const texts = (clip) => ({ prompt: clip.prompt, objects: clip.objects.join("; "), scene: clip.scene });
  const inFields = () => Object.fromEntries(FIELDS.map((name) => [name, $(name).value]));
  const hasWords = (clip) => Boolean(clip.objects.length || clip.scene);

  const setFields = (some) => {
    Object.assign(prefilled, some);
    for (const [name, text] of Object.entries(some)) $(name).value = text;
    fit();
  };

  /** The prompt's field is as high as its text. */
  const fit = () => {
    const field = $("prompt");
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  };

  const setPrompt = (text) => {
    $("prompt").value = text;
    fit();
    changed();
  };
  const takeCaption = (text) => setPrompt($("prompt").value === text ? typed || shown.prompt : text);
  /** Through the captions, then what was typed, then what the table has, and again. */
  const nextCaption = () => {
    const captions = shown?.proposal.captions ?? [];
    if (!captions.length) return;
    const choices = [...new Set([...captions.map((seen) => seen.text), typed || shown.prompt, shown.prompt])];
    setPrompt(choices[(choices.indexOf($("prompt").value) + 1) % choices.length]);
  };
  const typePrompt = () => {
    const field = $("prompt");
    if (/[\r\n]/.test(field.value)) field.value = field.value.replace(/\s*[\r\n]+\s*/g, " "); // pasted
    typed = field.value;
    fit();
    changed();
  };
  const noWords = () => {
    if (!shown) return;
    $("objects").value = $("scene").value = "";
    changed();
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
    const prompt = $("prompt").value;
    for (const chip of $("captions-chips").querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.text === prompt));
    }
    for (const chip of $("objects-chips").querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(objects.includes(chip.dataset.text)));
    }
    for (const chip of $("scene-chips").querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.text.split(/\s+/).every((word) => scene.includes(word))));
    }
    const isProposal = shown.proposal.first || shown.prompt_state === "proposed";
    const isAsItWas = prompt === prefilled.prompt && objects.join("; ") === prefilled.objects && scene.join(" ") === prefilled.scene;
    $("accept").textContent = !isProposal ? "Save" : isAsItWas ? "Accept" : "Save correction";
    // Without words it is a decision all the same where it is one about the prompt.
    const decides = objects.length || scene.length || shown.prompt_state !== "" || prompt !== shown.prompt;
    $("accept").disabled = busy || !prompt.trim() || !decides;
    $("reject").textContent = hasWords(shown) ? "Remove words" : "Reject";
    clearTimeout(checking);
    checking = setTimeout(check, CHECK_MS);
  };

  const check = async () => {
    const mine = ticket;
    const fields = inFields();
    let said;
    try {
      said = await json(`clips/${shown.index}/check`, fields);
    } catch {
      return; // saving will say why
    }
    if (mine !== ticket || FIELDS.some((name) => $(name).value !== fields[name])) return;
    for (const name of FIELDS) {
      $(`${name}-said`).replaceChildren(...said[name].map((line) => make("li", line.bad ? "bad" : "", line.text)));
    }
    if (said.fault || !faultStays) fault(said.fault, false);
  };

  let faultStays = false; // why something was not saved, until the next try
  const fault = (text, stays = Boolean(text)) => {
    faultStays = stays;
    $("fault").textContent = text;
    $("fault").hidden = !text;
    if (text && $("clip").hidden) trouble(text);
  };

  // -- deciding ---------------------------------------------------------------------------------------------------

  const annotation = ({ prompt, objects, scene, prompt_state }) => ({ prompt, objects, scene, prompt_state });
  const noteState = (clip) => Object.assign(clips[clip.index], { state: clip.state, has_words: hasWords(clip) });

  const send = async (index, decision, fields, before) => {
    busy = true;
    $("accept").disabled = true;
    try {
      const clip = await json(`clips/${index}`, { decision, ...fields, before });
      noteState(clip);
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
      clip = await send(before.index, decision, inFields(), annotation(before));
    } catch (error) {
      let text = error.message;
      if (error.status === 409) {
        await refreshFields(before.index);
        text += ". What was typed was not saved; saving now replaces that.";
      }
      changed();
      return fault(text);
    }
    undoable = { index: before.index, after: annotation(clip) };
    const decided = clip.prompt !== before.prompt || clip.prompt_state !== before.prompt_state;
    const said = [decided ? "prompt" : "", clip.objects.join("; "), clip.scene].filter(Boolean).join(" · ");
    toast(clip.state === "rejected" ? `${clip.id}: rejected` : `${clip.id}: saved ${said}`);
    const next = goal === before.index && !inFilter(clips[goal]) ? null : goal;
    show(next);
  };

  /** After a conflict: what is on disk is what the next save starts from. Fields that a person changed stay as typed. */
  const refreshFields = async (index) => {
    try {
      const clip = await json(`clips/${index}`);
      if (shown?.index !== index) return;
      const [former, now] = [texts(shown), texts(clip)];
      Object.assign(shown, annotation(clip), { state: clip.state });
      setFields(Object.fromEntries(FIELDS.filter((name) => $(name).value === former[name]).map((name) => [name, now[name]])));
    } catch { /* the fault is told already */ }
  };

  const undo = async () => {
    if (busy || !undoable) return;
    const { index, after } = undoable;
    undoable = null;
    $("toast").hidden = true;
    try {
      await send(index, "undo", texts(after), after);
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
  $("prompt").addEventListener("input", typePrompt);
  for (const name of ["objects", "scene"]) $(name).addEventListener("input", changed);
  addEventListener("resize", fit);
  for (const name of ["filter", "category"]) {
    $(name).addEventListener("change", (event) => {
      event.target.blur();
      show(shown && inFilter(clips[shown.index]) ? shown.index : nextAfter(shown ? shown.index : -1, 1));
    });
  }

  const edit = (name) => {
    $(name).focus();
    if (name === "prompt") $(name).setSelectionRange($(name).value.length, $(name).value.length);
    else $(name).select();
  };
  const pause = () => {
    const video = document.querySelector("video");
    if (video) video.paused ? video.play() : video.pause();
  };
  const KEYS = { x: () => decide("reject"), n: forward, ArrowRight: forward, ArrowLeft: back, c: nextCaption, w: noWords, p: () => edit("prompt"), o: () => edit("objects"), s: () => edit("scene"), u: undo, " ": pause, Enter: () => decide("annotate") };

  addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (at.matches("input, select, textarea")) {
      if (event.key === "Escape") at.blur();
      if (event.key !== "Enter" || !at.matches("textarea")) return; // Enter in an input submits the form by itself
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
