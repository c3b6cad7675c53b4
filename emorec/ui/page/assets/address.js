// The address of the page names the part that the chart shows, and its recording, so that a link shows the same part:
// "#t=5,12&of=1a2b3c4d". A sentence asks to open that recording if it is not open; other recordings are shown whole.
() => {
  const FRAGMENT = /^#t=([\d.]+),([\d.]+)(?:&of=([0-9a-f]+))?$/; // the part as in W3C Media Fragments
  const find = (selector) => document.querySelector(selector);
  let wanted = null;
  const read = () => {
    const found = location.hash.match(FRAGMENT), part = found?.slice(1, 3).map(Number);
    wanted = part && part[0] < part[1] ? { part, of: found[3] } : null;
  };
  read();

  const write = (part, recording) => {
    const times = part?.map((time) => Number(time.toFixed(1))).join(",");
    history.replaceState(null, "", part ? `#t=${times}${recording ? `&of=${recording}` : ""}`
                                        : location.pathname + location.search);
  };

  // The part that the address names, at the first call and for its own recording; else null.
  const take = (recording) => {
    if (!wanted) return null;
    const { part, of } = wanted;
    wanted = null;
    if (!of || of === recording) return part;
    write(null);
    return null;
  };
  window.emorecAddress = { take, write };

  const say = () => {
    const line = find("#named-part p"), missing = Boolean(wanted) && !find("#summary [data-duration], #analyze:disabled");
    if (!line || line.hidden === !missing) return;
    line.hidden = !missing;
    const [begin, end] = wanted?.part.map(window.emorecClock) ?? [];
    line.textContent = missing ? `The address of this page names the part from ${begin} to ${end} of a recording; open or `
      + "analyse that recording to see it." : "";
  };
  say();
  window.addEventListener("hashchange", () => { read(); say(); }); // another link was opened; ``write`` does not cause this event
  new MutationObserver(say).observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled"] });
}
