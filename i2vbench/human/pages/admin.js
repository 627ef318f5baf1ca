(() => {
  "use strict";
  const $ = (id) => document.getElementById(id);
  const EVERY_MS = 5000;

  const make = (tag, text, className = "") => Object.assign(document.createElement(tag), { textContent: text, className });

  const ago = (seconds) => {
    if (seconds < 60) return "just now";
    if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
    return `${Math.round(seconds / 86400)} days ago`;
  };

  const row = (rater) => {
    const line = make("tr", "");
    const name = make("th", "");
    name.scope = "row";
    name.append(make("bdi", rater.nickname ?? "no consent yet"), " ", make("small", `#${rater.rater}`));
    const answered = make("td", `${rater.answered} of ${rater.of}`, "number");
    answered.append(Object.assign(document.createElement("progress"), { max: rater.of, value: rater.answered, ariaHidden: "true" }));
    const seen = make("td", rater.last_seen === null ? "never" : ago(Date.now() / 1000 - rater.last_seen));
    const failed = make("td", rater.checks ? `${rater.checks_failed} of ${rater.checks}` : "", "number");
    if (rater.left_out) failed.append(make("div", `left out: ${rater.left_out}`, "warning"));
    line.append(name, make("td", rater.origin), answered, failed, seen);
    return line;
  };

  const draw = ({ raters, items, totals }) => {
    const facts = [
      ["Raters who agreed", `${totals.consented} of ${totals.raters}`],
      ["Raters who are done", totals.done],
      ["Responses that count", totals.responses],
      ["Checks", totals.checks],
      [`Responses to each of ${items.count} items`, items.least === items.most ? items.least : `${items.least} to ${items.most}`],
    ];
    $("totals").replaceChildren(...facts.map(([what, number]) => {
      const pair = document.createElement("div");
      pair.append(make("dt", what), make("dd", number));
      return pair;
    }));
    $("raters").replaceChildren(...raters.map(row));
    $("nobody").hidden = raters.length > 0;
    $("count").textContent = `at ${new Date().toLocaleTimeString()}`;
  };

  const refresh = async () => {
    let text = "";
    try {
      const answer = await fetch(`${location.pathname}progress`);
      const got = await answer.json();
      if (answer.ok) draw(got);
      else text = `The study answered: ${got.why}.`;
    } catch {
      text = "The study does not answer; what is below is from before.";
    }
    $("said").textContent = text;
    $("said").hidden = !text;
    setTimeout(refresh, EVERY_MS);
  };

  refresh();
})();
