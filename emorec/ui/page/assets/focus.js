// A button that is disabled, hidden or removed after it was pressed with a key takes the focus with it: a screen reader
// then goes on from the top of the page. The focus goes to what is around the button, and back to the button as soon as it
// can be pressed again. What is around it takes no key: a key that is held down could press another button.
() => {
  const SETTLED = 300; // milliseconds within which another script may set the focus
  let last = null, around = [], byKey = false, stand = null;

  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("pointerdown", () => { byKey = false; last = null; }, true);
  document.addEventListener("focusin", ({ target }) => {
    if (target === stand?.place) return;
    stand = null;
    last = target.matches("button") ? target : null;
    around = [];
    for (let each = target.parentElement; last && each; each = each.parentElement) if (each.id) around.push(each);
  });

  const usable = (element) => element.isConnected && element.checkVisibility({ visibilityProperty: true });
  const pressable = (button) => usable(button) && !button.disabled;
  const rescue = () => {
    waiting = 0;
    if (!last || !byKey || document.activeElement !== document.body) return;
    if (pressable(last)) return last.focus({ preventScroll: true });
    const place = around.find(usable);
    if (!place) return;
    stand = { place, button: last };
    if (!place.hasAttribute("role")) place.setAttribute("role", "group");
    place.tabIndex = -1;
    place.focus({ preventScroll: true });
  };
  let waiting = 0;
  new MutationObserver(() => {
    if (stand && document.activeElement === stand.place && pressable(stand.button)) {
      stand.button.focus({ preventScroll: true });
    }
    // The browser takes the focus away a little later.
    if (!waiting && last && byKey && !stand && !pressable(last)) waiting = setTimeout(rescue, SETTLED);
  }).observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled", "class", "style"] });
}
