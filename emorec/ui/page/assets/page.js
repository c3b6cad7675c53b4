// The timeline and the player as one: a click on the timeline seeks, the playhead follows, the arrow keys step.
() => {
  const find = (selector) => document.querySelector(selector);
  const player = () => find("#player :is(video, audio)");
  const facts = () => find("#summary [data-duration]")?.dataset;
  const length = () => Number(facts()?.duration) || player()?.duration || 0;
  // Vega's frame: as wide as the time from 0 to the end.
  const ground = () => find("#timeline svg.marks .role-frame.root path.background")?.getBoundingClientRect();
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

  const head = document.createElement("div");
  head.id = "playhead";
  head.tabIndex = 0;
  head.setAttribute("role", "slider");
  head.setAttribute("aria-label", "Place in the recording");
  head.setAttribute("aria-valuemin", "0");

  const place = () => {
    const host = find("#timeline"), frame = ground(), media = player(), end = length();
    if (!host || !frame || !frame.width || !media || !end) {
      head.hidden = true;
      return;
    }
    if (head.parentElement !== host) host.append(head);
    const at = Math.min(media.currentTime, end), around = host.getBoundingClientRect();
    head.hidden = false;
    head.style.left = `${frame.left - around.left + (at / end) * frame.width}px`;
    head.style.top = `${frame.top - around.top}px`;
    head.style.height = `${frame.height}px`;
    head.setAttribute("aria-valuemax", end.toFixed(1));
    head.setAttribute("aria-valuenow", at.toFixed(1));
    head.setAttribute("aria-valuetext", `${clock(at)} of ${clock(end)}`);
  };

  const seek = (time) => {
    const media = player();
    if (!media) return;
    media.currentTime = Math.max(0, Math.min(time, length()));
    place();
  };

  const follow = () => {
    place();
    if (player() && !player().paused) requestAnimationFrame(follow);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (button) {
      seek(Number(button.dataset.seek));
      find("#player").scrollIntoView({ block: "nearest", behavior: "smooth" });
    } else if (event.target.closest("#timeline svg.marks")) {
      const frame = ground(), share = (event.clientX - frame.left) / frame.width;
      if (share >= 0 && share <= 1) seek(share * length());
    }
  });

  head.addEventListener("keydown", (event) => {
    const media = player(), step = Number(facts()?.step) || 1;
    const moves = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
                    PageDown: -10 * step, PageUp: 10 * step, Home: -Infinity, End: Infinity };
    if (event.key in moves) seek(media.currentTime + moves[event.key]);
    else if (event.key === " ") media.paused ? media.play() : media.pause();
    else return;
    event.preventDefault();
  });

  // Media events do not bubble, but they can be caught on their way down.
  for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata", "pause"]) {
    document.addEventListener(name, place, true);
  }
  document.addEventListener("play", follow, true);
  new MutationObserver(place).observe(document.body, { childList: true, subtree: true, attributeFilter: ["src"] });
  window.addEventListener("resize", () => setTimeout(place, 200));
}
