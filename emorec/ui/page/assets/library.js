// The list of the library: sends clicks and checked boxes to the server through hidden text fields.
() => {
  let number = 0;
  const send = (place, words) => {
    const field = document.querySelector(`${place} :is(textarea, input)`);
    if (!field) return;
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, words);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Opens an item from any tab. Before the tab was shown, Gradio has not made its fields.
  window.emorecLibrary = (name) => {
    const there = () => document.querySelector("#library-command :is(textarea, input)");
    const tab = document.querySelector("#inputs [role=tab][data-tab-id=library]");
    tab?.click();
    let looks = 100;
    const look = () => (there() ? send("#library-command", `${name} #${++number}`) : looks-- && tab && setTimeout(look, 50));
    look();
  };
  // In the order in which they were checked; items that a search hides stay chosen.
  const chosen = [];
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#library-list [data-open]");
    if (button) send("#library-command", `${button.dataset.open} #${++number}`);
    if (event.target.closest?.("#library-list .to-compared")) {
      window.emorecScroll(document.querySelector("#library-compared"), "start");
    }
  });
  document.addEventListener("change", (event) => {
    const box = event.target.closest?.("#library-list [data-compare]");
    if (!box) return;
    const name = box.dataset.compare, place = chosen.indexOf(name);
    if (box.checked && place < 0) chosen.push(name);
    if (!box.checked && place >= 0) chosen.splice(place, 1);
    send("#library-chosen", JSON.stringify(chosen));
  });
  // Every search replaces the list. The comparison may be far below it, so a button scrolls there.
  const settle = () => {
    for (const field of document.querySelectorAll(":is(#library-command, #library-chosen) :is(textarea, input)")) {
      field.tabIndex = -1;
    }
    for (const box of document.querySelectorAll("#library-list [data-compare]")) {
      box.checked = chosen.includes(box.dataset.compare);
    }
    const pointer = document.querySelector("#library-list .to-compared");
    if (pointer) pointer.hidden = !document.querySelector(".library-means");
  };
  new MutationObserver(settle).observe(document.body, { childList: true, subtree: true });
  settle();
}
