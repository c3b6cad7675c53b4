// The title of the page says how far an analysis is, for people who work in another tab meanwhile, and that it has
// ended, or failed, until they have seen it.
() => {
  const NAME = document.title;
  let running = false, ended = false;
  const say = () => {
    const share = document.querySelector("#status [role=progressbar]")?.getAttribute("aria-valuenow");
    const going = Boolean(document.querySelector("#status .bar"));
    if (running && !going) ended = document.hidden;
    running = going;
    const end = document.querySelector("#status .problem") ? "Failed" : "Done";
    const words = going ? (share ? `${share}%` : "…") : ended ? end : "";
    const title = words ? `${words} · ${NAME}` : NAME;
    if (document.title !== title) document.title = title;
  };
  document.addEventListener("visibilitychange", () => { ended = ended && document.hidden; say(); });
  new MutationObserver(say).observe(document.body, { childList: true, subtree: true, attributeFilter: ["aria-valuenow"] });
}
