// Connects the timeline and the player: a click on the timeline seeks, a playhead shows the time, and arrow keys step.
// Without a player they only move the playhead. A click on Analyze also closes the messages of earlier clicks.
() => {
  const find = (selector) => document.querySelector(selector);
  const player = () => find("#player :is(video, audio):not([hidden])"); // hidden: the browser cannot play it
  const whole = () => find("#overview .overview")?.dataset;
  const summary = () => find("#summary [data-duration]")?.dataset;
  const duration = () => Number(summary()?.duration) || player()?.duration - begin(player()) || 0;
  // The time (s) that the browser gives to the beginning of a recording. Where the times of a file do not begin at 0, as
  // in cut ones, Chromium keeps them; Firefox and the server count from the beginning. It is known with the metadata; until
  // then a seek waits.
  const beginnings = new WeakMap(), awaiting = new WeakMap();
  const begin = (media) => beginnings.get(media) ?? 0;
  // Vega's frame: its width is the time from the start to the end of the shown part.
  const frameOf = () => find("#timeline svg.marks .role-frame.root path.background")?.getBoundingClientRect();
  // The part (s) of the recording that the chart shows.
  const shown = () => window.emorecView?.seen ?? [Number(whole()?.first) || 0, duration()];
  // A time as the server writes it (``clock`` in emorec/output/chart_data.py): with tenths unless it is whole. Like
  // Python's, a half is rounded to the even number.
  const rounded = (value) => (Math.abs(value % 2) === 0.5 ? Math.floor(value) : Math.round(value));
  const two = (number) => String(number).padStart(2, "0");
  const clock = (seconds) => {
    const tenths = rounded(10 * seconds), whole = Math.floor(tenths / 10), minutes = Math.floor(whole / 60);
    const words = `${two(whole % 60)}${tenths % 10 ? `.${tenths % 10}` : ""}`;
    return minutes < 60 ? `${minutes}:${words}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${words}`;
  };

  const playhead = document.createElement("div");
  playhead.id = "playhead";
  playhead.tabIndex = 0;
  playhead.setAttribute("role", "slider");
  playhead.setAttribute("aria-label", "Place in the recording");
  playhead.setAttribute("aria-valuemin", "0");

  // The time (s) of the playhead in a result without a player, because there is no file of the recording.
  let own = { recording: undefined, time: 0 };
  const now = () => {
    const media = player(), { recording, first } = whole() ?? {};
    if (media) return awaiting.get(media) ?? Math.max(0, media.currentTime - begin(media));
    if (own.recording !== recording) own = { recording, time: Number(first) || 0 };
    return own.time;
  };

  // A redraw of the chart takes the focus from the playhead; then it gets the focus again.
  let held = false;
  playhead.addEventListener("focus", () => { held = true; });
  document.addEventListener("focusin", (event) => { if (event.target !== playhead) held = false; });
  document.addEventListener("pointerdown", () => { held = false; }, true);

  const place = () => {
    const host = find("#timeline"), frame = frameOf(), media = player(), end = duration();
    // From the first chart on, even an empty one, the browser has the code that draws, and draws at once.
    if (frame) document.body.classList.add("draws");
    if (!host || !frame || !frame.width || !end) {
      playhead.hidden = true;
      return;
    }
    if (playhead.parentElement !== host) host.append(playhead);
    const at = Math.min(now(), end), around = host.getBoundingClientRect(), [first, last] = shown();
    const share = (at - first) / (last - first);
    playhead.hidden = false;
    if (held && document.activeElement === document.body) playhead.focus({ preventScroll: true });
    playhead.classList.toggle("outside", share < 0 || share > 1);
    playhead.style.left = `${frame.left - around.left + Math.max(0, Math.min(share, 1)) * frame.width}px`;
    playhead.style.top = `${frame.top - around.top}px`;
    playhead.style.height = `${frame.height}px`;
    window.emorecView?.readOut?.(at, Boolean(media) && !media.paused);
    playhead.setAttribute("aria-valuemax", end.toFixed(1));
    playhead.setAttribute("aria-valuenow", at.toFixed(1));
    playhead.setAttribute("aria-valuetext", `${clock(at)} of ${clock(rounded(end))}`);
  };

  // With ``focus`` the arrow keys go on from there.
  const seek = (time, focus = false) => {
    const media = player(), to = Math.min(time, duration());
    if (media && !media.readyState) awaiting.set(media, Math.max(0, to));
    else if (media) media.currentTime = begin(media) + Math.max(0, to);
    else own = { recording: whole()?.recording, time: Math.max(Number(whole()?.first) || 0, to) };
    place();
    if (focus) playhead.focus({ preventScroll: true });
  };

  // Smoothly, unless the person has asked for less movement.
  const scroll = (element, block = "nearest") => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element?.scrollIntoView({ block, behavior: still ? "auto" : "smooth" });
  };

  Object.assign(window, { emorecSeek: seek, emorecAt: now, emorecClock: clock, emorecScroll: scroll,
                          emorecFrame: () => find("#timeline svg.marks .role-frame.root path.background"),
                          emorecPlace: place });

  const follow = () => {
    place();
    if (player() && !player().paused) requestAnimationFrame(follow);
  };

  const closeMessages = () => document.querySelectorAll("[data-testid=toast-close]").forEach((button) => button.click());

  document.addEventListener("click", (event) => {
    if (event.target.closest("#analyze")) {
      closeMessages();
      // On a phone the progress is below the screen.
      setTimeout(() => scroll(find("#status")), 600);
    }
    const button = event.target.closest("[data-seek]");
    if (button) {
      seek(Number(button.dataset.seek));
      scroll(find(player() ? "#player" : "#timeline"));
    } else if (event.target.closest("#timeline svg.marks")) {
      const frame = frameOf(), share = (event.clientX - frame.left) / frame.width;
      if (share >= 0 && share <= 1) seek(shown()[0] + share * (shown()[1] - shown()[0]), true);
    }
  });

  // Gradio gives each radio button a name of its own: each is then a tab stop, and arrow keys do not move between them.
  let groups = 0;
  const groupRadios = () => {
    for (const group of document.querySelectorAll("fieldset:has([type=radio])")) {
      const label = group.querySelector("[data-testid=block-info]")?.textContent.trim();
      const name = (group.dataset.group ||= `group-${++groups}`);
      for (const radio of group.querySelectorAll("[type=radio]")) if (radio.name !== name) radio.name = name;
      if (label && !group.ariaLabel) group.ariaLabel = label;
    }
  };

  // Gradio opens a list of choices a moment after any key. After Tab its field has lost the focus by then, and the list
  // would never close; so Gradio does not get this key. An open list that scrolls must not get the focus, because it closes.
  document.addEventListener("keydown", (event) => {
    const field = event.key === "Tab" && event.target.closest?.("[role=combobox]");
    if (!field) return;
    event.stopPropagation();
    document.getElementById(field.getAttribute("aria-controls"))?.setAttribute("tabindex", "-1");
  }, true);

  // After a choice Gradio takes the focus from the field. The next Tab would then go on from the top of the page in WebKit,
  // and to the same field again in Firefox.
  let chosenIn = null;
  document.addEventListener("focusin", () => { chosenIn = null; });
  document.addEventListener("pointerdown", () => { chosenIn = null; }, true);
  document.addEventListener("focusout", (event) => {
    chosenIn = event.target.matches("[role=combobox]") && !event.relatedTarget ? event.target : null;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && document.activeElement === document.body) chosenIn?.focus({ preventScroll: true });
  }, true);

  playhead.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return; // the browser's own keys, such as Alt and an arrow to go back
    const media = player(), step = Number(summary()?.step) || 1;
    const moves = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
                    PageDown: -10 * step, PageUp: 10 * step, Home: -Infinity, End: Infinity };
    if (event.key in moves) seek(now() + moves[event.key]);
    else if (event.key === " " && media) media.paused ? media.play() : media.pause();
    else return;
    event.preventDefault();
  });

  // Media events do not bubble, but capturing listeners get them.
  document.addEventListener("loadedmetadata", ({ target }) => {
    beginnings.set(target, target.currentTime);
    if (awaiting.has(target)) target.currentTime = begin(target) + awaiting.get(target);
    awaiting.delete(target);
  }, true);
  for (const name of ["timeupdate", "seeking", "seeked", "loadedmetadata", "pause"]) {
    document.addEventListener(name, place, true);
  }
  document.addEventListener("play", follow, true);
  groupRadios();
  // Once a frame, because to ask for the place of an element makes the browser compute its layout.
  let waiting = false;
  const placeSoon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; place(); });
  };
  new MutationObserver(() => { groupRadios(); placeSoon(); })
    .observe(document.body, { childList: true, subtree: true, attributeFilter: ["src", "name"] });
  window.addEventListener("resize", () => setTimeout(place, 200));
}
