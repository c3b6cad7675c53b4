// The panel of choices on a narrow screen: its button opens and closes it, Escape closes it.
// Also scrolls to a problem in the status.
() => {
  const side = () => document.querySelector("#side"), button = () => side()?.querySelector("#panel-button button");
  const open = (isOpen) => {
    side()?.toggleAttribute("data-open", isOpen);
    button()?.setAttribute("aria-expanded", String(isOpen));
  };

  document.addEventListener("click", (event) => {
    if (event.target.closest("#panel-button button")) open(!side().hasAttribute("data-open"));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !side()?.hasAttribute("data-open")) return;
    open(false);
    button()?.focus();
  });

  let problem = "";
  new MutationObserver(() => {
    const found = document.querySelector("#status .problem"), words = found?.textContent ?? "";
    if (words && words !== problem) window.emorecScroll(found);
    problem = words;
  }).observe(document.body, { childList: true, subtree: true });
}
