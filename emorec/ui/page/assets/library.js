// The list of the library: what is pressed in it goes to the server in a hidden text field.
() => {
  let number = 0;
  const send = (words) => {
    const field = document.querySelector("#library-command :is(textarea, input)");
    if (!field) return;
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, `${words} #${++number}`);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // In the order in which they were checked; what a search has hidden stays chosen.
  const chosen = [];
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#library-list [data-open]");
    if (button) send(`open ${button.dataset.open}`);
  });
  document.addEventListener("change", (event) => {
    const box = event.target.closest?.("#library-list [data-compare]");
    if (!box) return;
    const name = box.dataset.compare, place = chosen.indexOf(name);
    if (box.checked && place < 0) chosen.push(name);
    if (!box.checked && place >= 0) chosen.splice(place, 1);
    send(`compare ${JSON.stringify(chosen)}`);
  });
  // The list is written anew by every search.
  const settle = () => {
    const field = document.querySelector("#library-command :is(textarea, input)");
    if (field) field.tabIndex = -1;
    for (const box of document.querySelectorAll("#library-list [data-compare]")) {
      box.checked = chosen.includes(box.dataset.compare);
    }
  };
  new MutationObserver(settle).observe(document.body, { childList: true, subtree: true });
  settle();
}
