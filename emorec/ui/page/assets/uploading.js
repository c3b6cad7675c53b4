// Shows a sentence if Analyze is clicked while its file is uploaded: Gradio delays the click without any sign. A second
// click then counts for nothing.
() => {
  const WORDS = "The file is still on its way; its analysis begins when it is here.";
  const find = (selector) => document.querySelector(selector);
  const uploading = () => find("#file .uploading, #record .uploading");
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#analyze") || !uploading()) return;
    if (find("#held")) return event.stopImmediatePropagation(); // Gradio would keep the second click too
    const held = Object.assign(document.createElement("p"), { id: "held", className: "caption", role: "status" });
    find("#buttons").after(held);
    held.textContent = WORDS;
    const look = () => (uploading() ? setTimeout(look, 100) : held.remove());
    look();
  }, true);
}
