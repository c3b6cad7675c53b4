// The overview: a brush over the part that the chart shows, moved by pointer, wheel, pinch and keys. The part goes to
// the server in a hidden text field, and into the address of the page.
() => {
  const SHORTEST = 1; // seconds that can be shown at least
  const LATE = 3000; // milliseconds after which the server is asked again if the chart does not show what is chosen
  const MOST_AGAIN = 3; // such requests
  const PAUSE = 120; // milliseconds after a movement of the brush until the part is sent to the server
  const LONGEST = 1000; // milliseconds after which it is sent during a long movement
  const find = (selector) => document.querySelector(selector);
  const overview = () => find("#overview .overview");
  const limits = () => [Number(overview().dataset.first), Number(overview().dataset.last)];
  const clamp = (value, low, high) => Math.max(low, Math.min(value, high));
  // ``part`` is chosen, ``drawn`` is the part of the server's last chart, and ``seen`` is what the chart shows now: it is
  // stretched until the server has drawn a new one.
  const view = (window.emorecView = { part: null, drawn: null, seen: null });
  const address = window.emorecAddress;
  let timer = 0, since = 0, drag = null, chart = null, recording, placed; // recording: the one that the part belongs to
  const fingers = new Map();

  const current = () => view.part ?? limits();
  const timeAt = (x, area, [low, high] = limits()) => {
    const box = area.getBoundingClientRect();
    return low + clamp((x - box.left) / box.width, 0, 1) * (high - low);
  };

  // Puts the brush at the part; the chart follows when the server has drawn it.
  const place = () => {
    const host = overview();
    if (!host) return;
    const [first, last] = limits(), [begin, end] = current(), brush = host.querySelector(".brush");
    const share = (time) => `${((100 * (time - first)) / (last - first)).toFixed(3)}%`;
    brush.style.left = share(begin);
    brush.style.width = `calc(${share(end)} - ${share(begin)})`;
    host.toggleAttribute("data-whole", !view.part);
    document.body.classList.toggle("zoomed", Boolean(view.part));
    brush.querySelectorAll(".handle").forEach((handle, index) => {
      const time = [begin, end][index];
      handle.setAttribute("aria-valuemin", first.toFixed(1));
      handle.setAttribute("aria-valuemax", last.toFixed(1));
      handle.setAttribute("aria-valuenow", time.toFixed(1));
      handle.setAttribute("aria-valuetext", window.emorecClock(time));
    });
    placed = brush.getAttribute("style");
  };

  // The part that was sent last, and how often it was repeated: spaces at the end make it a different request.
  let told = "", again = 0, check = 0;
  const drawn = () => find("#summary [data-shown]")?.dataset.shown ?? "";
  // Whether the chart has the chosen style and is about the chosen time.
  const fits = () => {
    const { style, only } = find("#summary [data-style]")?.dataset ?? {};
    return drawn() === told && style === find("#style input:checked")?.value
      && (only !== undefined) === Boolean(find("#only input")?.checked);
  };
  // Two answers may come in the wrong order; then the part is sent again.
  const verify = () => {
    if (timer || drag || !overview()) return;
    if (fits()) again = 0;
    else if (again < MOST_AGAIN) { again += 1; send(); }
  };
  const send = () => {
    timer = 0;
    const field = find("#range :is(textarea, input)");
    if (!field) return;
    const text = view.part ? view.part.map((time) => time.toFixed(3)).join(",") : "";
    address.write(view.part, overview()?.dataset.recording);
    if (field.value.trim() === text && !again) return;
    told = text;
    write(field, text + " ".repeat(again));
  };
  const write = (field, text) => {
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };

  // Sends the part after a pause, because drawing would interrupt the movement of the brush.
  const tell = () => {
    const now = performance.now();
    if (!timer) since = now;
    clearTimeout(timer);
    timer = setTimeout(send, clamp(since + LONGEST - now, 0, PAUSE));
  };

  const show = (begin, end) => {
    const [first, last] = limits(), least = Math.min(SHORTEST, last - first);
    if (end - begin < least) [begin, end] = [(begin + end - least) / 2, (begin + end + least) / 2];
    const length = Math.min(end - begin, last - first);
    // A part after ``until`` has no row, because it is not analysed yet; the server would show the whole recording.
    const until = Math.min(last - length, Number(overview().dataset.until) - least);
    begin = clamp(begin, first, Math.max(first, until));
    view.part = length >= last - first - 1e-3 ? null : [begin, begin + length];
    recording = overview().dataset.recording;
    place();
    view.stretch(current());
    again = 0;
    tell();
  };
  view.show = show;

  const zoom = (factor, around) => {
    const [begin, end] = current();
    show(around - (around - begin) * factor, around + (end - around) * factor);
  };
  const move = (seconds) => current().map((time) => time + seconds);

  document.addEventListener("pointerdown", (event) => {
    const host = event.target.closest("#overview .overview");
    if (!host || event.button || fingers.size > 1) return;
    const time = timeAt(event.clientX, host), [begin, end] = current();
    const handle = event.target.closest(".handle"), inside = event.target.closest(".brush") && view.part;
    const kind = handle ? (handle.previousElementSibling ? "end" : "begin") : inside ? "move" : "new";
    drag = { kind, from: time, begin, end, x: event.clientX, moved: false };
    handle?.focus();
    if (!handle) event.preventDefault(); // no selection of text
  });
  document.addEventListener("pointermove", (event) => {
    if (fingers.has(event.pointerId)) {
      const before = [...fingers.values()];
      fingers.set(event.pointerId, event);
      if (fingers.size > 1) return pinch(before, [...fingers.values()]);
    }
    if (!drag || !overview()) return;
    if (Math.abs(event.clientX - drag.x) < 3 && !drag.moved) return;
    drag.moved = true;
    const time = timeAt(event.clientX, overview());
    if (drag.kind === "move") show(...[drag.begin, drag.end].map((edge) => edge + time - drag.from));
    else if (drag.kind === "new") show(Math.min(drag.from, time), Math.max(drag.from, time));
    else if (drag.kind === "begin") show(Math.min(time, drag.end - SHORTEST), drag.end);
    else show(drag.begin, Math.max(time, drag.begin + SHORTEST));
  });
  const release = (event) => {
    fingers.delete(event.pointerId);
    if (drag && !drag.moved && drag.kind !== "begin" && drag.kind !== "end") window.emorecSeek(drag.from, true);
    drag = null;
  };
  document.addEventListener("pointerup", release);
  document.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); drag = null; });
  document.addEventListener("dblclick", (event) => {
    if (event.target.closest("#overview .overview")) show(...limits());
  });

  const areaOf = (target) => target.closest?.("#overview .overview, #timeline");
  const timeUnder = (x, area) => area.id === "timeline" ? timeAt(x, window.emorecFrame() ?? area, view.seen ?? limits())
                                                        : timeAt(x, area);
  // A pinch on a touchpad is a wheel event with Ctrl. Without Ctrl only the ribbon zooms, so that the page can scroll.
  document.addEventListener("wheel", (event) => {
    const area = areaOf(event.target);
    if (!area || !overview() || (area.id === "timeline" && !event.ctrlKey)) return;
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY, -60, 60) * (event.ctrlKey ? 0.01 : 0.004)), timeUnder(event.clientX, area));
  }, { passive: false });

  // Two fingers: their distance sets the zoom.
  document.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch" && areaOf(event.target)) fingers.set(event.pointerId, event);
    if (fingers.size === 2) drag = null;
  }, true);
  const pinch = (before, after) => {
    const width = ([a, b]) => Math.max(20, Math.abs(a.clientX - b.clientX));
    // After a redraw of the chart, a finger is on no area until it moves.
    const area = after.map((finger) => areaOf(finger.target)).find(Boolean);
    if (area) zoom(width(before) / width(after), timeUnder((after[0].clientX + after[1].clientX) / 2, area));
  };

  document.addEventListener("keydown", (event) => {
    const handle = event.target.closest?.("#overview .handle"), [begin, end] = overview() ? current() : [];
    if (!overview() || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = (end - begin) / 2;
    if (handle) {
      const step = (event.shiftKey ? 10 : 1) * (Number(find("#summary [data-step]")?.dataset.step) || 1);
      const by = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step,
                   PageDown: -page, PageUp: page, Home: -1e9, End: 1e9 }[event.key];
      if (by !== undefined) {
        const [first, last] = limits();
        if (handle.previousElementSibling) show(begin, clamp(end + by, begin + SHORTEST, last));
        else show(clamp(begin + by, first, end - SHORTEST), end);
        event.preventDefault();
        return;
      }
    }
    if (!handle && event.target.id !== "playhead") return;
    const middle = (begin + end) / 2;
    if (event.key === "+" || event.key === "=") zoom(0.5, middle);
    else if (event.key === "-") zoom(2, middle);
    else if (event.key === "0") show(...limits());
    else if (event.key === "[") show(...move(-page));
    else if (event.key === "]") show(...move(page));
    else return;
    event.preventDefault();
  });

  // Shows the whole recording again, without sending this to the server.
  const forget = () => {
    clearTimeout(timer);
    timer = again = 0;
    view.part = drag = null;
    document.body.classList.remove("zoomed");
    place();
    document.dispatchEvent(new Event("emorec-part"));
  };
  // Called after each change of the page. The server may have drawn the overview, in the same element, with an older part;
  // and a new element of the chart shows the part that the server has drawn.
  const look = () => {
    const host = overview(), svg = find("#timeline svg.marks"), field = find("#range :is(textarea, input)");
    if (field) field.tabIndex = -1;
    if (told && field && !field.value) { // the server shows another recording
      told = "";
      address.write(null);
      forget();
    }
    if (!host) return; // during another analysis; the part is kept for the same recording
    if (view.part && host.dataset.recording !== recording) { forget(); tell(); }
    const named = "complete" in host.dataset && address.take(host.dataset.recording);
    if (named) show(...named);
    if (host.querySelector(".brush").getAttribute("style") !== placed) place();
    if (svg !== chart) {
      chart = svg;
      view.drawn = view.seen = drawn() ? drawn().split(",").map(Number) : null;
      find("#timeline")?.classList.remove("stretched");
      if (timer) view.stretch(current());
      clearTimeout(check);
      check = setTimeout(verify, LATE);
    }
  };
  new MutationObserver(look).observe(document.body,
    { childList: true, subtree: true, attributeFilter: ["data-rows", "data-begin", "data-end"] });
  window.addEventListener("hashchange", () => {
    look();
    const found = overview()?.dataset; // a link to another recording changes nothing
    if (found && "complete" in found) address.write(view.part, found.recording);
  });
}
