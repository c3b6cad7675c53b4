// The table of every row: a click on a row, or Enter, seeks to it; a shadow at the right shows that more columns follow.
() => {
  const END = 2; // px; a table that is scrolled so close to its end has nothing more to show
  const go = (target) => {
    const row = target.closest?.("#rows [role=gridcell]")?.closest("[role=row]");
    const parts = row?.querySelector("[data-col='0']")?.textContent.trim().split(":").map(Number) ?? [];
    if (parts.length < 2 || parts.some(isNaN)) return; // not a time, such as "1:15"
    window.emorecSeek(parts.reduce((sum, part) => 60 * sum + part, 0));
  };
  // Gradio keeps some of these events for itself; a listener that captures gets them first.
  document.addEventListener("click", (event) => go(event.target), true);
  document.addEventListener("keydown", (event) => { if (event.key === "Enter") go(event.target); }, true);

  const hint = () => {
    const view = document.querySelector("#rows .virtual-table-viewport"), wrap = view?.closest(".table-wrap");
    const goes = !!view && view.scrollWidth - view.clientWidth - view.scrollLeft > END;
    if (wrap && wrap.classList.contains("goes-on") !== goes) wrap.classList.toggle("goes-on", goes);
  };
  document.addEventListener("scroll", (event) => { if (event.target.closest?.("#rows")) hint(); }, true);
  window.addEventListener("resize", hint);
  new MutationObserver(hint).observe(document.body, { childList: true, subtree: true });
}
