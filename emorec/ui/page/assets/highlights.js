// The list of highlights: filters, and the keys n and p for the next and the previous one. The filters outlast a redraw,
// and also the recording, because people who look through many recordings look for the same in each; the list says how
// many it leaves out. The person does not: in another recording the same number is another person.
() => {
  const NEAR = 0.25; // seconds from a highlight within which the player is still at it
  const TYPED = "textarea, select, [contenteditable=true], input:not([type=radio], [type=checkbox], [type=range], [type=button])";
  const PLACES = "#highlights, #timeline, #overview, #player, #status"; // elsewhere n and p may have another meaning
  const find = (selector) => document.querySelector(selector);
  const list = () => find("#highlights .moments");
  const items = () => [...(list()?.querySelectorAll("li") ?? [])];
  const shown = () => items().filter((item) => !item.hidden);
  const startOf = (item) => Number(item.querySelector("[data-seek]").dataset.seek);
  const chosen = { kind: "", emotion: "", person: "", rank: "" }; // rank: how many of the strongest
  // ``was``: start and kind of the current highlight, because a redraw may use its element for another one.
  let current = null, was = null, host = null, drawn, shownOf;

  const mark = (item = null) => {
    items().forEach((one) => one.querySelector("button").removeAttribute("aria-current"));
    current = item;
    was = item && { start: startOf(item), kind: item.dataset.kind };
    item?.querySelector("button").setAttribute("aria-current", "true");
  };

  const count = () => {
    const all = items(), left = shown(), place = left.indexOf(current) + 1;
    const some = left.length < all.length ? `${left.length} of ${all.length}` : `${all.length} in all`;
    // The choices may be from the recording before: an empty list says why it is empty.
    const words = !left.length ? `none of ${all.length} fits these choices` : place ? `${place} of ${left.length}` : some;
    const line = list()?.querySelector("[role=status]");
    if (line && line.textContent !== words) line.textContent = words;
  };

  // If the summary is about the shown part only, so is the list.
  const apply = () => {
    const part = find("#only input")?.checked ? window.emorecView?.part : null, { rank, ...equal } = chosen;
    for (const item of items()) {
      const outside = part && (Number(item.dataset.until) <= part[0] || startOf(item) >= part[1]);
      item.hidden = outside || Object.entries(equal).some(([name, value]) => value !== "" && item.dataset[name] !== value);
    }
    const ranked = shown().sort((one, other) => one.dataset.rank - other.dataset.rank);
    if (rank) for (const item of ranked.slice(Number(rank))) item.hidden = true;
    if (current?.hidden) mark(null);
    count();
  };

  const go = (forwards) => {
    const left = shown(), now = window.emorecAt(), at = left.indexOf(current);
    let next;
    if (at >= 0 && Math.abs(startOf(current) - now) < NEAR) next = left[at + (forwards ? 1 : -1)];
    else if (forwards) next = left.find((item) => startOf(item) > now - NEAR); // also the highlight at the position of the player
    else next = left.findLast((item) => startOf(item) < now - NEAR);
    if (!next) return;
    mark(next);
    const box = next.parentElement; // the list scrolls, the page stays
    box.scrollTop += next.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
    window.emorecSeek(startOf(next));
    count();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !list() || event.target.closest?.(TYPED)) return;
    // On keyboards without Latin letters, such as Cyrillic ones, the places of the keys count.
    const key = (/^[^\x00-\x7f]$/.test(event.key) ? event.code.replace("Key", "") : event.key).toLowerCase();
    if ((key !== "n" && key !== "p") || !(event.target === document.body || event.target.closest?.(PLACES))) return;
    go(key === "n");
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const item = event.target.closest("#highlights li");
    if (item) { mark(item); count(); }
  });
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.filter;
    if (name) chosen[name] = event.target.value;
    if (name || event.target.closest("#only")) apply();
  });
  document.addEventListener("input", (event) => { if (event.target.closest("#range")) apply(); });
  document.addEventListener("emorec-part", apply);

  // A redraw replaces the list or its content; then the filters and the current highlight are set again, if they exist.
  const renew = () => {
    const recording = find("#overview .overview")?.dataset.recording;
    if (recording && recording !== shownOf) {
      if (shownOf) chosen.person = "";
      shownOf = recording;
      host = undefined;
    }
    if (list() === host && host?.dataset.drawn === drawn) return;
    host = list();
    drawn = host?.dataset.drawn;
    mark(was ? items().find((item) => startOf(item) === was.start && item.dataset.kind === was.kind) : null);
    for (const select of host?.querySelectorAll("[data-filter]") ?? []) {
      select.value = chosen[select.dataset.filter];
      if (select.selectedIndex < 0) select.value = chosen[select.dataset.filter] = "";
    }
    for (const name of ["person", "rank"]) {
      if (host && !host.querySelector(`[data-filter=${name}]`)) chosen[name] = "";
    }
    apply();
  };
  renew();
  new MutationObserver(renew).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-drawn", "data-recording"] });
}
