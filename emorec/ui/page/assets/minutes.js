// The table of minutes: a click on a minute shows it. A click on a heading sorts by it: minute and valence upwards, the
// other columns downwards.
() => {
  const sort = (table, key, ascending) => {
    const body = table.tBodies[0], value = (row) => Number(row.dataset[key] ?? (ascending ? Infinity : -Infinity));
    const rows = [...body.rows].sort((a, b) => (ascending ? value(a) - value(b) : value(b) - value(a)));
    rows.forEach((row) => row.classList.remove("chosen"));
    table.closest(".minutes").querySelector("[role=status]").textContent = "";
    body.append(...rows);
    table.querySelectorAll("[data-sort]").forEach((button) => button.closest("th").removeAttribute("aria-sort"));
    table.querySelector(`[data-sort="${key}"]`).closest("th").setAttribute("aria-sort", ascending ? "ascending" : "descending");
    return rows;
  };
  document.addEventListener("click", (event) => {
    const from = event.target.closest("[data-from]"), heading = event.target.closest("[data-sort]");
    const negative = event.target.closest("[data-negative]");
    if (from) {
      window.emorecView.show(Number(from.dataset.from), Number(from.dataset.to));
      window.emorecSeek(Number(from.dataset.from));
    } else if (heading) {
      const sorted = heading.closest("th").getAttribute("aria-sort"), rising = ["minute", "valence"].includes(heading.dataset.sort);
      sort(heading.closest("table"), heading.dataset.sort, sorted ? sorted === "descending" : rising);
    } else if (negative) {
      const rows = sort(negative.closest(".minutes").querySelector("table"), "valence", true);
      const low = rows.filter((row) => "low" in row.dataset).slice(0, Number(negative.dataset.negative));
      low.forEach((row) => row.classList.add("chosen"));
      const said = negative.parentElement.querySelector("[role=status]");
      if (!low.length) said.textContent = said.dataset.none;
    }
  });
}
