(() => {
  "use strict";
  const go = document.getElementById("go");
  if (!go) return; // nobody new is taken

  const say = (text) => {
    const said = document.getElementById("said");
    said.textContent = text;
    said.hidden = !text;
  };

  const enrol = async () => {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" };
    let answer;
    let given = {};
    try {
      answer = await fetch("/enrol", options);
      given = await answer.json();
    } catch { /* told below */ }
    if (answer?.ok && given.address) return location.replace(given.address); // going back must not lead to another one
    // Full or closed: the button would only be refused again.
    if (answer?.status === 403) document.getElementById("enrol").hidden = true;
    say(given.why ? `${given.why[0].toUpperCase()}${given.why.slice(1)}.` : "There is no connection to the study. Try again.");
  };

  go.addEventListener("click", async () => {
    go.disabled = true;
    say("");
    await enrol();
    go.disabled = false;
  });
})();
