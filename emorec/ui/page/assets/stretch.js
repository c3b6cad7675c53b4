// While the brush moves, the present chart is moved and stretched to the chosen part, which is fast. When the brush rests,
// the server draws a new chart, which has more detail in a shorter part.
() => {
  const find = (selector) => document.querySelector(selector);
  const marks = () => document.querySelectorAll(
    "#timeline svg.marks .role-frame.root > g > g:not(.role-axis, .role-legend, .role-title)");

  const stretch = ([begin, end]) => {
    const view = window.emorecView, frame = window.emorecFrame(), whole = find("#overview .overview")?.dataset;
    if (!frame || !whole) return;
    const width = frame.getBBox().width, [first, last] = view.drawn ?? [Number(whole.first), Number(whole.last)];
    const factor = (last - first) / (end - begin), shift = (width * (first - begin)) / (end - begin);
    const same = Math.abs(factor - 1) < 1e-3 && Math.abs(shift) < 0.5;
    // Clips the marks at the frame; the coordinates are those of the marks before they are moved.
    const [left, right] = [-shift / factor, (width - shift) / factor].map((x) => `${x.toFixed(2)}px`);
    const clip = `polygon(${left} -1000px, ${right} -1000px, ${right} 9999px, ${left} 9999px) view-box`;
    for (const mark of marks()) {
      mark.style.transform = same ? "" : `translateX(${shift.toFixed(2)}px) scaleX(${factor.toFixed(5)})`;
      mark.style.clipPath = same ? "" : clip;
    }
    find("#timeline").classList.toggle("stretched", !same);
    view.seen = [begin, end];
    window.emorecPlace();
  };
  window.emorecView.stretch = stretch;
}
