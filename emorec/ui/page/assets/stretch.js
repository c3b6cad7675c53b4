// While the brush moves, the present chart is moved and stretched to the chosen part, which is fast. When the brush rests,
// the server draws a new chart, which has more detail in a shorter part.
() => {
  const CLIP = "shown-part";
  const find = (selector) => document.querySelector(selector);
  const marks = () => document.querySelectorAll(
    "#timeline svg.marks .role-frame.root > g > g:not(.role-axis, .role-legend, .role-title)");

  // The edges are in the space of the marks before they are moved. An element, because WebKit does not move a clip-path of
  // CSS with what it clips, and then nothing of the chart is left.
  const clip = (left, width) => {
    const svg = find("#timeline svg.marks"), make = (name) => document.createElementNS(svg.namespaceURI, name);
    if (!svg.querySelector(`#${CLIP}`)) {
      const made = make("clipPath"), area = made.appendChild(make("rect"));
      made.id = CLIP;
      area.setAttribute("y", "-1000");
      area.setAttribute("height", "11000");
      svg.append(made);
    }
    const area = svg.querySelector(`#${CLIP} rect`);
    area.setAttribute("x", left.toFixed(2));
    area.setAttribute("width", width.toFixed(2));
  };

  const stretch = ([begin, end]) => {
    const view = window.emorecView, frame = window.emorecFrame(), whole = find("#overview .overview")?.dataset;
    if (!frame || !whole) return;
    const width = frame.getBBox().width, [first, last] = view.drawn ?? [Number(whole.first), Number(whole.last)];
    const factor = (last - first) / (end - begin), shift = (width * (first - begin)) / (end - begin);
    const same = Math.abs(factor - 1) < 1e-3 && Math.abs(shift) < 0.5;
    // Nothing is shown beside the frame; the coordinates are those of the marks before they are moved.
    if (!same) clip(-shift / factor, width / factor);
    for (const mark of marks()) {
      mark.style.transform = same ? "" : `translateX(${shift.toFixed(2)}px) scaleX(${factor.toFixed(5)})`;
      mark.style.clipPath = same ? "" : `url(#${CLIP})`;
    }
    find("#timeline").classList.toggle("stretched", !same);
    view.seen = [begin, end];
    window.emorecPlace();
  };
  window.emorecView.stretch = stretch;
}
