// After the page was loaded again, as Gradio does when a connection was broken and a browser does for "Back", says what
// it had shown, with a button that opens it again. What was shown is kept in the tab's own storage, and only its name.
() => {
  const KEY = "emorec-shown", WAIT = 60000; // ms
  const BEGIN = "The page was loaded again";
  const GONE = `${BEGIN}, and the result that it showed is not in the list of recent analyses any more.`;
  const CLOSED = `${BEGIN}, so the result that it showed is closed.`;
  const PICTURE = `${BEGIN}; choose the picture again to see its faces.`;
  const VIDEO = "The video that was being written has ended with the page; write it again.";
  const find = (selector) => document.querySelector(selector);
  const seen = (selector) => Boolean(find(selector)?.checkVisibility());

  // What the page shows: a picture, an item of the library, or a recent analysis; a live session is found again anyway.
  const shown = () => {
    if (seen("#faces .picture")) return { kind: "picture" };
    const isResult = find("#summary [data-duration], #status [data-opened]");
    if (!isResult || find("#status [data-live], #status [role=progressbar]")) return {};
    const name = find("#status [data-library]")?.dataset.library;
    if (name) return { kind: "library", name };
    const [opened] = (find("#status [data-opened]")?.dataset.opened ?? "").split("-");
    // Not the first in the list: another page of the browser may have analysed something later.
    return { kind: "recent", name: opened, recording: find("#overview .overview")?.dataset.recording };
  };
  addEventListener("pagehide", () => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ ...shown(), video: seen("#video-stop") }));
    } catch {} // a browser may refuse storage to a framed page
  });

  const line = ({ kind, name, recording }) => {
    const [by, value] = name ? ["recent", name] : ["recording", recording ?? ""];
    return kind === "recent" && find(`#recents [data-${by}="${CSS.escape(value)}"] [data-do^=open]`);
  };
  const tell = (before) => {
    const { kind, name, video } = before;
    if ((!kind && !video) || find("#status").textContent.trim()) return; // or the page's address opens something
    const note = Object.assign(document.createElement("p"), { id: "reloaded", className: "callout" });
    note.setAttribute("role", "status");
    find("#inputs").before(note); // where it is seen without scrolling
    const known = line(before), title = known ? known.textContent : name;
    const again = known || (kind === "library" && window.emorecLibrary);
    const words = kind === "picture" ? PICTURE : !kind ? `${BEGIN}.` : again ? CLOSED : GONE;
    note.textContent = `${words}${video ? ` ${VIDEO}` : ""} `;
    if (again) {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "name" });
      button.textContent = `Open ${title} again`;
      button.addEventListener("click", () => (known ? line(before)?.click() : window.emorecLibrary(name)));
      note.append(button);
    }
    // Whatever is done next is more important.
    new MutationObserver((_, observer) => {
      if (!find("#status")?.textContent.trim() && !find("#faces .picture")) return;
      note.remove();
      observer.disconnect();
    }).observe(document.body, { childList: true, subtree: true });
  };

  let before = {};
  try {
    before = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
    sessionStorage.removeItem(KEY);
  } catch {}
  const began = performance.now();
  const look = () => { // until the server has said what this browser has
    if (find("#ack [data-session]") && find("#status")) tell(before);
    else if (performance.now() - began < WAIT) setTimeout(look, 100);
  };
  look();
}
