// Gradio's server ends the stream of answers after the last answer that is awaited, and its client opens a new stream for
// a later event. But if the client learns of a new event before it learns of the end of the stream, it opens no stream:
// the answer never comes, and the job is stopped because nobody waits for it. Therefore this script reports the end to
// the client only when no answer is missing, and new events only after the end. Until then it continues the stream by
// opening another one.
//
// If a connection breaks while a stream is opened, the browser opens it again by itself, but the server has already
// forgotten the events. This script then answers that they have failed, because the page would wait for them for ever.
// For the same reason it reports a broken connection if a stream just ends: a proxy ends it in this way when the server is
// stopped, and the client would take that for a regular end.
//
// Gradio's server handles the events of a page side by side: a download could be written without the name that was given
// in the same moment, and of two edits of persons one could be lost. Therefore the events whose numbers are in ``edits``
// and ``downloads`` are sent when the edit before them is answered.
//
// Each event names the page that it is from, so that the server can refuse what a page sends that was loaded before the
// server was started again.
//
// Beside the path of an uploaded SVG file Gradio's client sends the whole file as its address. The server refuses such
// addresses, and what they make larger than an event may be; so they are left out, and the file is read by its path.
(edits = [], downloads = []) => {
  const plain = window.fetch, JOIN = "/queue/join", DATA = "/queue/data", AT_MOST = 1000; // ms
  const KEPT = 8000; // characters of an edit
  const PATIENCE = 10000; // ms that an event waits for the edit before it
  const FAILED = "The connection broke, and the last action may have had no effect; try it again.";
  const LAST = ["close_stream", "unexpected_error", "server_stopped"]; // with which the server itself ends a stream
  const missing = new Set(); // events without an answer so far
  const waiting = new Map(); // of the edits that are not answered: the functions that let the next events go
  let latest; // a promise: the latest edit is answered
  const early = new Set(); // events whose answer came before the client learns of them
  let ended; // a promise: the client has learned of the end

  const pathOf = (resource) => new URL(resource.url ?? resource, location.href).pathname;
  const written = (message) => `data: ${JSON.stringify(message)}\n\n`;
  const failure = (event, visible) => written({
    msg: "process_completed", event_id: event, success: false, output: { error: FAILED, title: "Error", visible },
  });

  const parsed = (message) => {
    try {
      return JSON.parse(message.replace(/^data:/, ""));
    } catch {
      return {};
    }
  };

  const withoutContents = (body) => (body.includes('"data:') ? JSON.stringify(JSON.parse(body), (name, value) => (
    name === "url" && `${value}`.startsWith("data:") ? undefined : value)) : body);

  const answered = (event) => {
    waiting.get(event)?.();
    waiting.delete(event);
    return missing.delete(event);
  };

  const heard = (signal) => new Promise((resolve) => {
    signal.addEventListener("abort", resolve);
    setTimeout(resolve, AT_MOST);
  });

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
    for (let goesOn = true; goesOn;) {
      goesOn = false;
      let last; // kind of the latest message
      const unknown = new Set(missing); // not mentioned by this stream; the server first sends the place in the queue
      for await (const message of messages(response)) {
        const { msg, event_id: event } = parsed(message);
        unknown.delete(event);
        last = msg;
        if (msg === "process_completed" && !answered(event)) early.add(event);
        if (msg === "heartbeat" || msg === "close_stream") {
          const failed = [...unknown].filter(answered);
          for (const [place, each] of failed.entries()) yield failure(each, place === 0);
          unknown.clear();
        }
        if (msg === "close_stream") {
          goesOn = missing.size > 0;
          if (goesOn) continue;
          ended = heard(request.signal);
        }
        yield message;
      }
      if (goesOn) response = await plain(request.clone());
      else if (missing.size && !LAST.includes(last)) throw new TypeError("The stream ended before its last answer.");
    }
  }

  // Waits until an event may be sent; returns the function that lets the next ones go.
  const turn = async (event) => {
    const before = latest, isEdit = edits.includes(event);
    let done = () => {};
    if (isEdit) latest = new Promise((resolve) => { done = resolve; });
    if (isEdit || downloads.includes(event)) {
      await Promise.race([before, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    }
    return done;
  };

  const joining = async (resource, given) => {
    const headers = new Headers(given.headers), app = window.gradio_config?.app_id;
    if (app !== undefined) headers.set("x-emorec-page", BigInt(app));
    const options = { ...given, headers, body: withoutContents(given.body) };
    const number = parsed(options.body).fn_index, done = await turn(number);
    // An edit is sent also if the page is closed in this moment; the browser allows this for 64 kB in all.
    const keepalive = edits.includes(number) && options.body.length < KEPT;
    let event;
    try {
      const response = await plain(resource, keepalive ? { ...options, keepalive } : options);
      event = (await response.clone().json().catch(() => ({}))).event_id;
      if (event && !early.delete(event)) missing.add(event);
      await ended;
      return response;
    } finally {
      if (missing.has(event)) waiting.set(event, done);
      else done();
    }
  };

  const streaming = async (request) => {
    if (!missing.size) { // it would stay open, and a browser has few connections for all pages of a server
      ended = heard(request.signal);
      return new Response(written({ msg: "close_stream" }), { headers: { "content-type": "text/event-stream" } });
    }
    const response = await plain(request.clone());
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

  window.fetch = (resource, options) => {
    const path = pathOf(resource);
    if (path.endsWith(JOIN)) return joining(resource, options);
    if (path.endsWith(DATA)) return streaming(new Request(resource, options));
    return plain(resource, options);
  };
}
