// Shows the card of a face in a picture: the face under the pointer, with the focus, or that was tapped; the last one stays
// until another tap. Escape closes the card. Also scrolls to a new result.
() => {
  const GAP = 8;
  let kept = null;
  const cardOf = (box) => document.getElementById(box.getAttribute("aria-describedby"));
  const boxOf = (target) => target.closest?.(".picture .box");

  const hide = () => {
    for (const box of document.querySelectorAll('.picture .box[aria-expanded="true"]')) {
      box.setAttribute("aria-expanded", "false");
      cardOf(box)?.classList.remove("shown");
    }
  };
  const show = (box) => {
    hide();
    const card = cardOf(box), picture = box.parentElement.getBoundingClientRect(), place = box.getBoundingClientRect();
    card.classList.add("shown");
    box.setAttribute("aria-expanded", "true");
    const { width, height } = card.getBoundingClientRect(), right = document.documentElement.clientWidth;
    const left = Math.max(GAP, Math.min(place.left, right - width - GAP));
    const fits = place.bottom + GAP + height <= innerHeight || place.top < height + GAP;
    card.style.left = `${left - picture.left}px`;
    card.style.top = `${(fits ? place.bottom + GAP : place.top - GAP - height) - picture.top}px`;
  };

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const box = boxOf(event.target);
    if (box) show(box);
    else if (!event.target.closest?.(".picture .face")) kept?.isConnected ? show(kept) : hide();
  });
  document.addEventListener("focusin", (event) => {
    const box = boxOf(event.target);
    if (box?.matches(":focus-visible")) show(box);
  });
  document.addEventListener("focusout", (event) => {
    if (boxOf(event.target) && !kept) hide();
  });
  document.addEventListener("click", (event) => {
    const box = boxOf(event.target);
    if (!box && event.target.closest?.(".picture .face")) return;
    kept = box && box !== kept ? box : null;
    kept ? show(kept) : hide();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    kept = null;
    hide();
  });

  // On a phone the result is below the screen. A result is new if the address of its picture, or without one its text, is
  // new; the element may be new without a new result, when the tab is opened again.
  let seen = "";
  new MutationObserver(() => {
    const result = document.querySelector("#faces"), image = result?.querySelector(".picture img");
    const now = image?.src ?? result?.textContent.trim() ?? "";
    if (!result || now === seen) return;
    seen = now;
    const toResult = () => window.emorecScroll(result);
    if (image && !image.complete) image.addEventListener("load", toResult, { once: true }); // its height is known then
    else if (now) toResult();
  }).observe(document.body, { childList: true, subtree: true });
}
