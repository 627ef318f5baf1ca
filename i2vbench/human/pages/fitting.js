/** How big videos are: a whole task can be seen at once where the window lets it, else a row of videos and its boxes. */
const fitting = (() => {
  "use strict";
  const { $ } = asking;
  const SIDES = { least: 176, most: 400, row: 144 }; // of a square as big as a video, CSS pixels
  const COMFORTABLE = 216;
  const WORTH_A_ROW = 1.25; // so much bigger must videos be that stand in one more row: they are compared side by side

  let number = 0; // of videos
  let ratio = 1; // width by height

  const set = (columns, width) => {
    $("videos").style.setProperty("--columns", columns);
    $("videos").style.setProperty("--width", `${Math.floor(width)}px`);
  };

  /** The widest width from `least` to `most` of which it is so; 0 if there is none. */
  const widest = (columns, least, most, isSo) => {
    const holds = (width) => {
      set(columns, width);
      return isSo();
    };
    if (most < least || !holds(least)) return 0;
    if (holds(most)) return most;
    let [yes, no] = [least, most];
    while (no - yes > 2) {
      const middle = (yes + no) / 2;
      if (holds(middle)) yes = middle;
      else no = middle;
    }
    return yes;
  };

  const draw = () => {
    if (!number || $("task").hidden) return;
    const gap = parseFloat(getComputedStyle($("videos")).columnGap);
    const side = (length) => length * Math.sqrt(ratio);
    const room = (columns) => Math.min(side(SIDES.most), ($("stage").clientWidth - gap * (columns - 1)) / columns);
    const free = () => innerHeight - $("keep").offsetHeight;
    const allFits = () => $("stage").getBoundingClientRect().bottom + scrollY <= free();
    const rowFits = () => $("videos").firstElementChild.offsetHeight <= free();
    const inRows = (rows) => Math.ceil(number / rows); // columns
    let [columns, width] = [0, 0];
    for (let rows = 1; rows < number; rows++) {
      const found = widest(inRows(rows), side(SIDES.least), room(inRows(rows)), allFits);
      if (found > width * WORTH_A_ROW) [columns, width] = [inRows(rows), found];
    }
    if (!columns) {
      const abreast = Math.floor(($("stage").clientWidth + gap) / (side(COMFORTABLE) + gap));
      columns = inRows(Math.ceil(number / Math.max(2, abreast)));
      width = widest(columns, side(SIDES.row), room(columns), rowFits) || Math.min(side(SIDES.row), room(columns));
    }
    set(columns, width);
    look();
  };

  /** Nobody must think that a task ends where the window does. */
  const look = () => {
    const end = $("keep").getBoundingClientRect().top;
    const isBelow = ({ top, bottom }) => (top + bottom) / 2 > end;
    const below = [...document.querySelectorAll(".video")].filter((box) => isBelow(box.firstElementChild.getBoundingClientRect()));
    $("below").textContent = below.length ? `↓ More below: ${below.map((box) => box.querySelector(".letter").textContent).join(", ")}` : "";
  };

  addEventListener("resize", draw);
  addEventListener("scroll", look, { passive: true });

  return {
    /** For a task that is on the page. */
    fit: (task) => {
      number = task.videos;
      ratio = task.width / task.height;
      draw();
    },
  };
})();
