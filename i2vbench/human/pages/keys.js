/** A task by keys alone; beside them, everything that a browser does by keys works, too. */
const keys = (() => {
  "use strict";
  const { $ } = asking;
  const PRESSED = "button, a"; // what Enter is for

  let byPointer = false;
  const turnTo = (pointer) => {
    byPointer = pointer;
    document.body.classList.toggle("by-keys", !pointer);
  };
  addEventListener("pointerdown", () => turnTo(true));

  // After a click the focus is where nobody thinks of it: the space bar must not undo what was clicked.
  const isNative = (at, key) => {
    if (key === " ") return !byPointer && at.matches(`${PRESSED}, input`);
    if (key === "Enter") return at.matches(PRESSED);
    return key.startsWith("Arrow") && at.matches("input[type=radio]") && !byPointer;
  };

  /** What is done by which key of a task, and by a digit. */
  const listen = (acts, digit) => {
    addEventListener("keydown", (event) => {
      if (event.key === "Tab") turnTo(false);
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $("task").hidden) return;
      const number = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
      const act = number ? () => digit(Number(number[1])) : acts[event.key];
      if (!act || isNative(event.target, event.key)) return;
      event.preventDefault();
      if (event.repeat) return;
      if (event.key !== " ") turnTo(false);
      act();
    });
    // Firefox presses a button only now.
    addEventListener("keyup", (event) => event.key === " " && byPointer && !$("task").hidden && event.preventDefault());
  };

  return { listen };
})();
