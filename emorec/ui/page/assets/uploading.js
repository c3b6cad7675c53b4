// Sends an upload again if its connection breaks, because the page still has the file; and shows a sentence if Analyze is
// clicked while its file is uploaded: Gradio delays the click without any sign. A second click then counts for nothing.
() => {
  const PAUSES = [1000, 3000]; // milliseconds before each further attempt
  const send = window.fetch;
  // Calls ``attempt`` again while it fails for the reason ``isBroken``.
  window.emorecPersist = async (attempt, isBroken) => {
    for (const pause of PAUSES) {
      try {
        return await attempt();
      } catch (problem) {
        if (!isBroken(problem)) throw problem;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return attempt();
  };
  window.fetch = (resource, options) => {
    const attempt = () => send(resource, options);
    const isUpload = new URL(resource.url ?? resource, location.href).pathname.endsWith("/upload");
    return isUpload ? window.emorecPersist(attempt, () => !options?.signal?.aborted) : attempt();
  };

  const WORDS = "The file is still on its way; its analysis begins when it is here.";
  const find = (selector) => document.querySelector(selector);
  const uploading = () => find("#file .uploading, #record .uploading");
  // A page that is left or loaded again has no file any more; the browser then asks whether to stay.
  addEventListener("beforeunload", (event) => { if (uploading()) event.preventDefault(); });
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
