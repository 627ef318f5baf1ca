/** What the page asks of the study, what it does when that does not answer, and what its parts share. */
const asking = (() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const LONGEST_WAIT_S = 15;

  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  /** A question, and in smaller letters what is said of it. */
  const inParts = (node, text) => {
    const end = text.indexOf("?") + 1 || text.length;
    node.append(text.slice(0, end), make("small", "", text.slice(end)));
    return node;
  };

  /** For those who do not see the page. */
  const say = (text) => {
    $("live").textContent = text === $("live").textContent ? `${text}\u00a0` : text; // the same again is said again
  };

  /** What is below the page's own address, which holds the secret. An error that may pass says so. */
  const ask = async (path, body, cache = "default") => {
    const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer, got;
    try {
      answer = await fetch(location.pathname + path, options || { cache });
      got = /json/.test(answer.headers.get("content-type")) ? await answer.json() : await answer.blob();
    } catch {
      throw Object.assign(new Error("There is no connection to the study"), { passing: true });
    }
    if (answer.ok) return got;
    const why = got.why || `the answer was ${answer.status}`;
    const passing = answer.status === 429 || answer.status >= 500;
    throw Object.assign(new Error(why[0].toUpperCase() + why.slice(1)), { passing });
  };

  const trouble = (text, again = false) => {
    $("trouble-text").textContent = text;
    $("trouble").hidden = !text;
    $("retry").hidden = !again;
  };

  const waits = new Set();
  const hurry = () => waits.forEach((end) => end());
  const wait = (seconds) => new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      waits.delete(end);
      resolve();
    };
    const timer = setTimeout(end, 1000 * seconds);
    waits.add(end);
  });
  $("retry").addEventListener("click", hurry);
  addEventListener("online", hurry);

  /**
   * Do it until it is done: after a failure that may pass it is tried again, by itself and on demand.
   * `what` says what is not done yet; once it is not `wanted` any more, the failure is thrown.
   */
  const insist = async (act, what, wanted = () => true) => {
    for (let tries = 0; ; tries++) {
      try {
        const got = await act();
        if (tries && wanted()) trouble("");
        return got;
      } catch (error) {
        if (!wanted()) throw error;
        if (!error.passing) trouble(`${error.message}.`);
        if (!error.passing) throw error;
        const seconds = Math.min(LONGEST_WAIT_S, 2 ** tries);
        trouble(`${error.message}: ${what} The next try is in ${seconds} s.`, true);
        await wait(seconds);
        if (!wanted()) throw error;
      }
    }
  };

  /** All of these, at once, from the browser's cache as `cache` says; `tell` hears how many are there. */
  const all = (paths, cache, tell, wanted) => {
    let there = 0;
    return Promise.all(paths.map(async (path) => {
      const got = await insist(() => ask(path, null, cache), "not everything is loaded yet.", wanted);
      tell(++there);
      return got;
    }));
  };

  return { $, make, inParts, say, ask, all, insist, trouble };
})();
