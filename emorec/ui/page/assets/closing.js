// A page that is closed says so; one that only loses its connection does not, and keeps what it has.
() => {
  addEventListener("pagehide", () => {
    const session = document.querySelector("#ack [data-session]")?.dataset.session;
    if (session) navigator.sendBeacon(`gradio_api/closed/${session}`);
  });
  // One that the browser has kept is shown again, but it has been closed for the server.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
