// The read-out below the chart: what the timeline says at the playhead, for sighted people and for screen readers.
() => {
  const NEAR = 0.02; // seconds before the first row and after the last one that still belong to it
  const find = (selector) => document.querySelector(selector);
  const UNSURE = [", unsure: low confidence", "", ", unsure: all evidence is from just before or after"];
  const named = (emotions, index, percent) => (index < 0 ? "" : `${emotions[index]} ${percent}%`);
  let source, rows = []; // the text of the rows, and its numbers
  let done = false; // whether the analysis has ended

  // With ``quiet`` a screen reader does not read the new text, nor what changes because the analysis goes on.
  window.emorecView.readOut = (time, quiet) => {
    const host = find("#overview .overview"), line = find("#readout p");
    if (!host || !line) return;
    // The text is compared, because Gradio may keep the element and change its attributes.
    const complete = "complete" in host.dataset, redrawn = host.dataset.rows !== source;
    const grown = redrawn && !(done && complete);
    done = complete;
    if (redrawn) {
      source = host.dataset.rows;
      rows = host.dataset.rows ? host.dataset.rows.split(";").map((row) => row.split(",").map(Number)) : [];
    }
    let low = 0, high = rows.length; // the first column that ends after the time
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle][0] > time) high = middle; else low = middle + 1;
    }
    const last = rows.at(-1), emotions = host.dataset.emotions.split(",");
    const before = time < Number(host.dataset.first) - NEAR, atEnd = last && time - last[0] < NEAR;
    const row = before ? undefined : rows[low] ?? (atEnd ? last : undefined);
    const parts = [window.emorecClock(time)];
    if (!row || row[1] < 0) parts.push(row ? "no evidence" : "not analysed");
    else {
      parts.push(named(emotions, row[1], row[2]) + UNSURE[row[3]]);
      if (row[4] >= 0) parts.push(`face ${named(emotions, row[4], row[5])}`);
      if (row[6] >= 0) parts.push(`voice ${named(emotions, row[6], row[7])}`);
    }
    const text = parts.join(" · ");
    // Not compared with the text in the line: where the browser translates the page, it is never the same, and both would
    // replace it for ever.
    if (line.said !== text) {
      line.setAttribute("aria-live", quiet || grown ? "off" : "polite");
      line.textContent = line.said = text;
    }
  };
}
