(() => {
  "use strict";
  const { $, make, inParts, say, ask, all, insist, trouble } = asking;
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const UNSAVED = "your answer stays here, but it is not saved yet.";
  const LONG = 240; // characters of a prompt
  const lessMotion = matchMedia("(prefers-reduced-motion: reduce)");

  let state = null; // what the study knows of the rater
  let task = null; // on the page
  let ticket = 0; // of the latest wish to show something; answers to earlier ones are thrown away
  let chosen = {}; // question -> positions; null until answered
  let current = 0; // the question that digits answer
  let saving = false;
  let arrived = false; // at the first task since the page was opened
  const drafts = new Map(); // what was chosen and not saved, by task

  const name = (question) => question.id[0].toUpperCase() + question.id.slice(1).replaceAll("_", " ");
  const isPairs = () => state.mode === "pairs";
  const only = (id) => {
    for (const other of ["waiting", "consent", "task", "done"]) $(other).hidden = other !== id;
    $("foot").hidden = id !== "task";
    scrollTo(0, 0);
  };
  const drawProgress = (saved) => {
    Object.assign($("bar"), { hidden: false, max: state.total, value: state.answered });
    $("saved").hidden = !saved;
    $("count").textContent = `${state.answered} of ${state.total} done`;
    if (saved) say("Saved");
  };

  // -- one task ---------------------------------------------------------------------------------------------------

  const show = (number, how) => begin(number, how).catch((error) => {
    if (error.passing === undefined) throw error; // else the reason stands on the page
  });

  /** `going`: whether the browser's own back button or a gesture leads there. */
  const begin = async (number, { saved = false, going = false } = {}) => {
    const mine = ++ticket;
    const wanted = () => mine === ticket;
    trouble("");
    playing.drop();
    if (task) drafts.set(task.number, chosen);
    task = null;
    if (!going) history[arrived ? "pushState" : "replaceState"]({ number }, "");
    arrived = true;
    if (number === null) return finished(saved);
    drawProgress(saved);
    changed();
    const got = await insist(() => ask(`tasks/${number}`), "the next task is not loaded yet.", wanted);
    if (!wanted()) return;
    task = got;
    const before = drafts.get(number) ?? task.chosen ?? {};
    chosen = Object.fromEntries(state.questions.map(({ id }) => [id, before[id] ?? null]));
    drawTask();
    await load(wanted);
  };

  const drawTask = () => {
    only("task");
    const title = `Task ${task.number} of ${state.total}`;
    document.title = title;
    $("heading").textContent = title + (task.chosen ? ", answered before" : "");
    $("prompt").textContent = task.prompt;
    $("prompt").parentElement.classList.toggle("long", task.prompt.length > LONG);
    $("first").style.aspectRatio = `${task.width} / ${task.height}`;
    $("first").replaceChildren();
    $("videos").replaceChildren(...Array.from({ length: task.videos }, (_, k) => drawVideo(k)));
    $("pairs").replaceChildren(...(isPairs() ? state.questions.map(drawPair) : []));
    setCurrent(0);
    changed();
    fitting.fit(task);
    $("heading").focus();
  };

  const drawVideo = (k) => {
    const box = make("div", "video");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `Video ${LETTERS[k]}`);
    const media = make("div", "media", "Loading …");
    media.style.aspectRatio = `${task.width} / ${task.height}`;
    const toggles = isPairs() ? [] : state.questions.map((question, at) => drawPick(question, at, "checkbox", [k], name(question)));
    const boxes = make("div", "picks");
    boxes.append(...toggles);
    box.append(media, make("div", "letter", LETTERS[k]), boxes);
    return box;
  };

  const drawPair = (question, at) => {
    const box = make("fieldset", "pair question");
    const ways = [["A", [0]], ["Tie", []], ["B", [1]]];
    const ends = make("div", "ends");
    ends.append(...ways.map(([text, positions]) => drawPick(question, at, "radio", positions, text)));
    box.append(inParts(make("legend"), question.text), ends);
    return box;
  };

  /** A box to check or a button of a radio group, which stands for a position, or for a tie. */
  const drawPick = (question, at, type, positions, text) => {
    const label = make("label", "pick");
    const input = Object.assign(make("input"), { type, name: question.id, value: JSON.stringify(positions) });
    if (type === "checkbox") input.setAttribute("aria-describedby", `question-${at}`);
    input.addEventListener("focus", () => setCurrent(at));
    input.addEventListener("change", () => pick(at, positions));
    label.append(input, make("span", "", text));
    return label;
  };

  const drawQuestions = () => {
    $(isPairs() ? "keys-choice" : "keys-pairs").hidden = true;
    $("rule").textContent = `${isPairs() ? "Both" : "All"} videos were made from this image and prompt.`;
    $("questions").hidden = isPairs();
    $("questions").replaceChildren(...state.questions.map((question, at) => {
      const line = make("li", "question");
      const text = inParts(make("span"), question.text);
      text.id = `question-${at}`;
      line.append(make("b", "", name(question)), " ", text);
      return line;
    }));
  };

  /** All are fetched before any is shown. */
  const load = async (wanted) => {
    const boxes = [...document.querySelectorAll(".video .media")];
    const paths = ["first", ...boxes.map((_, k) => `videos/${k}`)].map((path) => `tasks/${task.number}/${path}`);
    const { fps } = task;
    const tell = (text) => wanted() && ($("hint").textContent = text);
    tell("Loading …");
    const fetchAll = (cache) => all(paths, cache, (there) => tell(`Loading: ${there} of ${paths.length}`), wanted);
    let tries = 0;
    const put = async () => {
      const [first, ...blobs] = await fetchAll(tries++ ? "reload" : "default"); // what the browser keeps may be bad
      if (!wanted()) return;
      const image = Object.assign(make("img"), { alt: "The input image", src: URL.createObjectURL(first) });
      for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(image.src));
      $("first").replaceChildren(image);
      await playing.fill(boxes, blobs, fps);
    };
    await insist(put, "your answer can wait.", wanted);
    if (!wanted()) return;
    changed();
    if (lessMotion.matches) return drawPlayer("Your device asks for less motion: press Play to begin.");
    playing.play(true);
  };

  const drawPlayer = (hint) => {
    $("play").textContent = playing.isOn() ? "Pause" : "Play";
    $("play").disabled = $("restart").disabled = !playing.canPlay();
    if (playing.canPlay()) $("hint").textContent = hint;
  };

  // -- choosing ---------------------------------------------------------------------------------------------------

  const setCurrent = (at) => {
    current = (at + state.questions.length) % state.questions.length;
    document.querySelectorAll(".question").forEach((line, i) => line.classList.toggle("current", i === current));
  };

  const pick = (at, positions) => {
    const question = state.questions[at];
    if (isPairs()) chosen[question.id] = positions;
    else {
      const [k] = positions;
      const before = chosen[question.id] ?? [];
      const now = before.includes(k) ? before.filter((other) => other !== k) : [...before, k].sort((a, b) => a - b);
      chosen[question.id] = now.length ? now : null;
    }
    setCurrent(at);
    changed();
  };

  const inWords = ({ id }) => (chosen[id] === null ? "nothing" : chosen[id].map((k) => LETTERS[k]).join(", ") || "a tie");
  const left = () => state.questions.filter(({ id }) => chosen[id] === null);

  /** Nothing can be saved before everything can be seen. */
  const notYet = () => {
    if (saving) return "Saving …";
    if (!task || !playing.canPlay()) return "The videos are not loaded yet";
    return left().length ? `Not answered yet: ${left().map(name).join(", ")}` : "";
  };

  const changed = () => {
    for (const input of $("task").querySelectorAll(".pick input")) {
      const [is, value] = [chosen[input.name] ?? null, JSON.parse(input.value)];
      input.checked = is !== null && (isPairs() ? String(is) === String(value) : is.includes(value[0]));
      input.disabled = saving || !task;
    }
    const busy = saving || !task;
    $("missing").textContent = notYet();
    $("save").disabled = notYet() !== "";
    $("save").textContent = task?.number === state.total ? "Save and finish" : "Save and go on";
    $("back").disabled = busy || task.number === 1;
    $("forward").disabled = busy || task.number >= (state.next ?? state.total);
  };

  // -- saving and going about -------------------------------------------------------------------------------------

  /** What is on the page at each try is what is sent; the same answer twice is one answer. */
  const save = async () => {
    if (saving || !task) return;
    if (notYet()) {
      const [first] = left();
      if (first) setCurrent(state.questions.indexOf(first));
      return say(notYet());
    }
    const { number } = task;
    saving = true;
    $("saved").hidden = true; // it was said of the task before
    changed();
    try {
      const { answered, total, next } = await insist(() => ask(`tasks/${number}`, { chosen }), UNSAVED);
      Object.assign(state, { answered, total, next });
    } catch {
      return; // why stands on the page, and so does what was chosen
    } finally {
      saving = false;
      changed();
    }
    task = null;
    drafts.delete(number);
    show(number < (state.next ?? state.total + 1) && number < state.total ? number + 1 : state.next, { saved: true });
  };

  const finished = (saved) => {
    only("done");
    drawProgress(saved);
    document.title = "Thank you!";
    $("done-text").textContent = state.total === 1 ? "Your answer is saved." : `All your ${state.total} answers are saved.`;
    $("done-heading").focus();
  };

  const back = () => $("back").disabled || show(task.number - 1);
  const forward = () => $("forward").disabled || show(task.number + 1);

  // -- consent ----------------------------------------------------------------------------------------------------

  const enter = (got) => {
    state = got;
    drawQuestions();
    if (state.consented) return show(state.next);
    only("consent");
    $("consent-text").replaceChildren(...state.consent.map((text) => make("p", "", text)));
    $("consent-heading").focus();
  };

  $("agree").addEventListener("submit", async (event) => {
    event.preventDefault();
    if ($("consents").disabled) return;
    $("consents").disabled = true;
    const given = { nickname: $("nickname").value, agree: true };
    try {
      enter(await insist(() => ask("consent", given), "your consent is not noted yet."));
    } catch { /* why stands on the page */ } finally {
      $("consents").disabled = false;
    }
  });

  // -- what a person does -----------------------------------------------------------------------------------------

  $("task").addEventListener("submit", (event) => save(event.preventDefault()));
  $("back").addEventListener("click", back);
  $("forward").addEventListener("click", forward);
  $("again").addEventListener("click", () => show(state.total));
  $("play").addEventListener("click", playing.toggle);
  $("restart").addEventListener("click", () => playing.play(true));
  playing.whenChanged(drawPlayer);
  addEventListener("popstate", ({ state: at }) => at && state?.consented && !saving && show(at.number, { going: true }));
  addEventListener("beforeunload", (event) => saving && event.preventDefault()); // or an answer would be lost

  const digit = (number) => {
    const positions = isPairs() ? [[], [0], [1]][number] : [number - 1];
    if (!task || saving || !positions || positions[0] >= task.videos || positions[0] < 0) return;
    pick(current, positions);
    say(`${name(state.questions[current])}: ${inWords(state.questions[current])}`);
  };
  const turn = (step) => {
    setCurrent(current + step);
    say(`${state.questions[current].text} ${inWords(state.questions[current])}`);
  };
  keys.listen({
    ArrowUp: () => turn(-1), ArrowDown: () => turn(1), ArrowLeft: back, Backspace: back, ArrowRight: forward,
    Enter: save, " ": playing.toggle, r: () => playing.play(true),
  }, digit);

  insist(() => ask("state"), "the page is not loaded yet.").then(enter, () => ($("waiting").hidden = true));
})();
