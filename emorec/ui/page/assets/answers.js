// Gradio's server ends the stream of answers after the last one that somebody waits for, and its client opens another
// for a later event. But an event of which the client hears before it hears of that end has no stream: its answer never
// comes, and its job is stopped because nobody waits for it. Therefore the client hears of the end only when no answer
// is missing, and of other events only after the end; until then, the stream goes on as another one.
() => {
  const plain = window.fetch, JOIN = "/queue/join", DATA = "/queue/data", AT_MOST = 1000; // ms
  const missing = new Set(); // events whose answer has not come
  let ended; // a promise: the client has heard of the end
  const pathOf = (resource) => new URL(resource.url ?? resource, location.href).pathname;

  const parsed = (message) => {
    try {
      return JSON.parse(message.replace(/^data:/, ""));
    } catch {
      return {};
    }
  };

  async function* messages(response) {
    if (!response.ok) throw new Error(`No answers: ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (let rest = "", end; ;) {
        const { done, value } = await reader.read();
        if (done) return;
        rest += value;
        while ((end = rest.indexOf("\n\n")) >= 0) {
          yield rest.slice(0, end + 2);
          rest = rest.slice(end + 2);
        }
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  async function* answers(response, request) {
    for (let tried = []; ; response = await plain(request.clone())) {
      let goesOn = false;
      for await (const message of messages(response)) {
        const { msg, event_id: event } = parsed(message);
        if (msg === "process_completed") missing.delete(event);
        if (msg === "close_stream") {
          tried.forEach((each) => missing.delete(each)); // their stream has ended without them
          tried = [...missing];
          goesOn = tried.length > 0;
          if (goesOn) break;
          ended = new Promise((resolve) => {
            request.signal.addEventListener("abort", resolve);
            setTimeout(resolve, AT_MOST);
          });
        }
        yield message;
      }
      if (!goesOn) return;
    }
  }

  window.fetch = async (resource, options) => {
    const path = pathOf(resource);
    if (path.endsWith(JOIN)) {
      const response = await plain(resource, options);
      const { event_id: event } = await response.clone().json().catch(() => ({}));
      if (event) missing.add(event);
      await ended;
      return response;
    }
    if (!path.endsWith(DATA)) return plain(resource, options);
    const request = new Request(resource, options), response = await plain(request.clone());
    if (!response.ok) return response;
    const passed = answers(response, request), encoder = new TextEncoder();
    const body = new ReadableStream({
      async pull(controller) {
        const { done, value } = await passed.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      cancel: () => passed.return(),
    });
    return new Response(body, { status: response.status, headers: response.headers });
  };
}
