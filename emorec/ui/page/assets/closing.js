// A page that is closed says so; one that only loses its connection does not, and keeps what it has.
() => {
  const session = () => document.querySelector("#ack [data-session]")?.dataset.session;
  const say = (what) => { if (session()) navigator.sendBeacon(`gradio_api/${what}/${session()}`); };
  addEventListener("pagehide", () => say("closed"));
  // One that the browser has kept is shown again, but it has been closed for the server.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  // A page that was loaded asks which others are open, because some may have ended without a word. A browser that refuses
  // storage to a framed page may refuse the channel too. One in which all was deleted tells the others, which show it.
  try {
    new BroadcastChannel("emorec-pages").onmessage = ({ data }) => {
      if (!data.startsWith("deleted by ")) say("open");
      else if (data !== `deleted by ${session()}`) location.reload();
    };
  } catch {}
}
