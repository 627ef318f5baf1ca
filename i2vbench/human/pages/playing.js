/** Videos that play in step: none begins before all can, and none begins again before all have ended. */
const playing = (() => {
  "use strict";
  const LONGEST_WAIT_MS = 2000; // iOS may load no more than a video's head before it is played
  const MOST_RATE = 1.25;

  let all = []; // on the page
  let videos = []; // the same once all of them can be shown
  let frame = 0.1; // how long one is shown, seconds
  let isOn = false;
  let round = 0; // of the latest wish to play; what earlier ones began ends
  let changed = () => {};

  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const toStart = (video) => new Promise((resolve) => {
    video.pause();
    if (video.currentTime === 0 && !video.seeking) return resolve();
    video.addEventListener("seeked", resolve, { once: true });
    video.currentTime = 0;
  });

  /** False if the browser wants a person to begin. */
  const begin = (video) => video.play().then(() => true, (error) => error.name !== "NotAllowedError");

  const play = async (fromStart) => {
    if (!videos.length) return;
    const mine = ++round;
    isOn = true;
    changed("");
    if (fromStart) await Promise.race([Promise.all(videos.map(toStart)), sleep(LONGEST_WAIT_MS)]);
    if (mine !== round) return;
    for (const video of videos) video.playbackRate = 1;
    const begun = await Promise.all(videos.map(begin));
    if (mine !== round) return;
    if (begun.every(Boolean)) return requestAnimationFrame(() => keep(mine));
    pause();
    changed("Your browser does not start videos by itself: press Play.");
  };

  /** Whoever is behind the others hurries a little and whoever is ahead slows down: nobody sees a jump. */
  const keep = (mine) => {
    if (mine !== round) return;
    if (videos.every((video) => video.ended)) return play(true);
    const times = videos.map((video) => video.currentTime).sort((a, b) => a - b);
    const middle = (times[(times.length - 1) >> 1] + times[times.length >> 1]) / 2;
    for (const video of videos) {
      if (video.ended || video.seeking) continue;
      if (video.paused) video.play().catch(() => {}); // the browser paused it, to save power
      const behind = middle - video.currentTime;
      if (Math.abs(behind) > 2 * frame) video.currentTime = middle;
      const rate = Math.abs(behind) > frame / 4 ? Math.min(MOST_RATE, Math.max(1 / MOST_RATE, 1 + 4 * behind)) : 1;
      if (rate === 1 || Math.abs(rate - video.playbackRate) > 0.05) video.playbackRate = rate;
    }
    requestAnimationFrame(() => keep(mine));
  };

  const pause = () => {
    round++;
    isOn = false;
    for (const video of videos) video.pause();
    changed("");
  };

  const toggle = () => (isOn ? pause() : play(videos.every((video) => video.ended)));

  /** Resolves when the first frame can be seen. */
  const ready = (video) => new Promise((resolve, reject) => {
    const failed = () => reject(Object.assign(new Error("Your browser cannot show one of the videos (another may)"), { passing: true }));
    video.addEventListener("loadeddata", resolve, { once: true });
    video.addEventListener("loadedmetadata", () => setTimeout(resolve, LONGEST_WAIT_MS), { once: true });
    video.addEventListener("error", failed, { once: true });
  });

  const drop = () => {
    pause();
    for (const video of all) {
      URL.revokeObjectURL(video.src);
      video.removeAttribute("src");
      video.load();
    }
    all = videos = [];
    changed("");
  };

  /** Put the videos of these blobs into these boxes; resolves when all can be shown. */
  const fill = async (boxes, blobs, fps) => {
    drop();
    const mine = blobs.map(() => Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto", ariaHidden: "true" }));
    const theyAre = Promise.all(mine.map(ready));
    mine.forEach((video, k) => {
      video.src = URL.createObjectURL(blobs[k]);
      boxes[k].replaceChildren(video);
    });
    all = mine;
    await theyAre;
    if (all !== mine) return;
    frame = 1 / fps;
    videos = mine;
    changed("");
  };

  // A page that nobody sees plays nothing, and browsers stop videos one by one.
  document.addEventListener("visibilitychange", () => !document.hidden && isOn && play(true));

  return {
    fill, drop, pause, toggle, play,
    isOn: () => isOn,
    canPlay: () => videos.length > 0,
    /** Tell of changes, with a hint for the person or "". */
    whenChanged: (tell) => (changed = tell),
  };
})();
