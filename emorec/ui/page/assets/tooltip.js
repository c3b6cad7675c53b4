// Keeps Vega's tooltip within the window, because on a narrow screen it would reach beyond the edge.
() => {
  const MARGIN = 8; // px
  const keep = (tip) => {
    const { left, top, width, height } = tip.getBoundingClientRect();
    const inside = (at, size, all) => Math.max(MARGIN, Math.min(at, all - size - MARGIN));
    const right = inside(left, width, document.documentElement.clientWidth), low = inside(top, height, innerHeight);
    if (Math.abs(right - left) > 0.5) tip.style.left = `${right}px`;
    if (Math.abs(low - top) > 0.5) tip.style.top = `${low}px`;
  };
  let watched = null;
  const moves = new MutationObserver(() => watched.classList.contains("visible") && keep(watched));
  new MutationObserver(() => {
    const tip = document.getElementById("vg-tooltip-element");
    if (!tip || tip === watched) return;
    watched = tip;
    moves.disconnect();
    moves.observe(tip, { attributes: true, attributeFilter: ["style", "class"] });
    keep(tip);
  }).observe(document.body, { childList: true });
}
