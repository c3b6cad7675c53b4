// A page reports to the server that it is closed, so that a page which only loses its connection is not taken for closed.
() => {
  const session = () => document.querySelector("#ack [data-session]")?.dataset.session;
  const say = (what) => { if (session()) navigator.sendBeacon(`gradio_api/${what}/${session()}`); };
  addEventListener("pagehide", () => say("closed"));
  // A page that the browser shows again from its cache was closed for the server, so it is loaded again.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  // A page that was loaded asks the other pages of the browser whether they are open, because some may have ended without
  // a report. A page on which all was deleted tells the others, which then reload. A browser that refuses storage to a
  // framed page may refuse the channel too.
  try {
    new BroadcastChannel("emorec-pages").onmessage = ({ data }) => {
      if (data === "open?") say("open");
      else if (data.startsWith("deleted by ") && data !== `deleted by ${session()}`) location.reload();
    };
  } catch {}
}
