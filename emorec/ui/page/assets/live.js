// The tab Live: opens the camera and the microphone, sends five pictures per second and the sound between them, and shows
// the reading in the answer. At most two requests wait for an answer, only one of them with sound, so that sound stays in
// order. A picture is left out if both are waiting.
() => {
  const PERIOD = 0.2, WIDTH = 640, QUALITY = 0.85, RATE = 16000, LONGEST_SOUND = 5, LOST = 1;  // s, px, Hz
  const ANSWERS_WITHIN = 20_000;  // ms until the devices are closed again if the server does not begin a session
  const MOST = 2;  // requests that wait for an answer
  const PATIENCE = 10_000;  // ms to wait for an answer; with sound in the request, no further sound is sent until then
  const TAP = `registerProcessor("tap", class extends AudioWorkletProcessor {
    process([channels]) {
      if (channels.length) this.port.postMessage(channels[0].slice());
      return true;
    }
  })`;
  const find = (selector) => document.querySelector(`#live-view ${selector}`);
  const say = (selector, words) => { const place = find(selector); if (place) place.textContent = words; };
  let current = null, openings = 0;

  const REASONS = { NotAllowedError: "denied", SecurityError: "denied", NotFoundError: "missing",
                    OverconstrainedError: "missing", NotReadableError: "busy", AbortError: "busy" };

  // Save can be pressed beside Start only if the last session was not saved, which the next one would replace: the
  // person is asked first, and the devices stay closed until Start is pressed again.
  const unsaved = () =>
    Boolean(document.querySelector("#live-save:enabled")) && !document.querySelector("#live-note [data-asked]");

  // Opens the devices; returns "", or a word for the problem. If there is only one of the two, it is used alone.
  const open = async () => {
    if (unsaved()) return "unsaved";
    stop();
    const mine = ++openings;
    if (!navigator.mediaDevices?.getUserMedia) return "insecure";
    const video = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 15 } };
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    let reason = "missing";
    for (const wanted of [{ video, audio }, { video }, { audio }]) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia(wanted);
        if (mine !== openings) {  // Start or Stop was pressed meanwhile
          stream.getTracks().forEach((track) => track.stop());
          return "";
        }
        const opened = (current = { stream, sound: [], samples: 0, gone: "" });
        for (const track of stream.getTracks()) track.onended = () => lose(opened);
        say(".reading", "Starting …");
        opened.timer = setTimeout(() => { if (current === opened) stop("Not started."); }, ANSWERS_WITHIN);
        const shown = find("video");
        shown.srcObject = stream;
        shown.play().catch(() => {});
        return "";
      } catch (error) {
        reason = REASONS[error.name] || "missing";
        if (reason !== "missing") return reason;
      }
    }
    return reason;
  };

  const stop = (words) => {
    openings += 1;  // cancels an ``open`` that has not finished
    if (!current) return;
    const ended = current;
    current = null;
    clearTimeout(ended.timer);
    ended.stream.getTracks().forEach((track) => track.stop());
    shut(ended);
    const shown = find("video");
    if (shown) shown.srcObject = null;
    say(".reading", words || "Stopped.");
    say(".delay", "");
  };

  // Fails if it is closed already, as when Stop is pressed while the microphone is being connected.
  const shut = ({ context }) => context?.close().catch(() => {});

  const NAMES = { video: "camera", audio: "microphone" };
  const tracks = (mine, state) => mine.stream.getTracks().filter((track) => track.readyState === state);
  const gives = (mine, kind) => tracks(mine, "live").some((track) => track.kind === kind);

  // A device was disconnected: the session goes on with the other one, or ends.
  const lose = (mine) => {
    if (current !== mine) return;
    const kinds = tracks(mine, "ended").map((track) => track.kind);
    const names = Object.keys(NAMES).filter((kind) => kinds.includes(kind)).map((kind) => `the ${NAMES[kind]}`);
    const words = `${names.join(" and ")} ${names.length > 1 ? "were" : "was"} disconnected.`.replace(/^t/, "T");
    if (tracks(mine, "live").length) return say(".delay", (mine.gone = words));
    stop(words);
    document.querySelector("#live-stop")?.click(); // the server keeps what is known
  };

  // Begins to send, after the server has begun a session, whose name is in the note.
  const run = () => {
    const session = document.querySelector("#live-note [data-session]")?.dataset.session;
    if (!current || current.began !== undefined) return;
    if (!session) return stop("Not started.");
    clearTimeout(current.timer);
    const mine = Object.assign(current, { session, began: performance.now(), sent: 0, newest: -1 });
    listen(mine).catch(() => {});  // without sound there are still pictures
    next(mine);
  };

  const now = (mine) => (performance.now() - mine.began) / 1000;

  const listen = async (mine) => {
    if (!mine.stream.getAudioTracks().length) return;
    const connected = async (options) => {
      mine.context = new AudioContext(options);
      await mine.context.audioWorklet.addModule(URL.createObjectURL(new Blob([TAP], { type: "text/javascript" })));
      return mine.context.createMediaStreamSource(mine.stream);
    };
    let source;
    try {
      source = await connected({ sampleRate: RATE });
    } catch {
      shut(mine);
      source = await connected();  // some browsers do not change the rate of a microphone
    }
    if (current !== mine) return shut(mine);
    mine.rate = mine.context.sampleRate;
    const tap = new AudioWorkletNode(mine.context, "tap");
    tap.port.onmessage = ({ data }) => {
      if (!gives(mine, "audio")) return;
      // The time is counted in samples from the first one on, and measured again if sound was lost.
      const measured = now(mine) - data.length / mine.rate;
      if (mine.heard === undefined || Math.abs(mine.heard - measured) > LOST) {
        mine.sound = [], mine.samples = 0, mine.heard = measured;
      }
      mine.sound.push(data), mine.samples += data.length, mine.heard += data.length / mine.rate;
      while (mine.samples > LONGEST_SOUND * mine.rate) mine.samples -= mine.sound.shift().length;
    };
    source.connect(tap);
  };

  // Pictures are taken in the middle of the periods of the server, so that each is in the right period.
  const next = (mine) => {
    const time = now(mine), planned = (Math.floor(time / PERIOD + 0.5) + 0.5) * PERIOD;
    mine.timer = setTimeout(async () => {
      if (current !== mine) return;
      next(mine);
      if (mine.sent >= MOST) return;
      mine.sent += 1;
      try {
        await send(mine, now(mine));
      } catch {
        if (current === mine) say(".delay", "The server does not answer; trying again.");
      }
      mine.sent -= 1;
    }, Math.max(0, 1000 * (planned - time)));
  };

  const send = async (mine, time) => {
    const picture = gives(mine, "video") ? await taken() : null;
    const sound = mine.soundSent ? new Int16Array(0) : pcm(mine);
    const begin = (mine.heard ?? 0) - sound.length / (mine.rate || RATE);
    if (!picture && !sound.length) return;
    mine.soundSent ||= sound.length > 0;
    try {
      await show(mine, await posted(mine, time, picture, begin, sound));
    } finally {
      if (sound.length) mine.soundSent = false;
    }
  };

  const posted = (mine, time, picture, begin, sound) => {
    const query = new URLSearchParams({ picture: time, length: picture?.size ?? 0, sound: begin, rate: mine.rate || RATE });
    return fetch(`gradio_api/live/${mine.session}?${query}`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Blob([picture ?? "", sound]),
      signal: AbortSignal.timeout(PATIENCE),
    });
  };

  const show = async (mine, answer) => {
    const found = await answer.json();
    if (current !== mine) return;
    if (answer.status === 410 || answer.status === 403 || answer.status === 401) return stop(found.detail);
    if (!answer.ok) return say(".delay", found.detail);
    if (found.newest === null) return say(".reading", "Looking and listening …");
    if (found.newest < mine.newest) return;  // a later answer came first
    mine.newest = found.newest;
    const delay = Math.max(0, now(mine) - found.newest);
    say(".reading", found.words);
    find(".reading").dataset.emotion = found.sure ? found.emotion : "";
    say(".delay", `${mine.gone} Delay ${delay.toFixed(1)} s · ${found.rate.toFixed(1)} pictures a second`.trim());
  };

  // The picture of the camera as a JPEG, or null.
  const taken = () => {
    const shown = find("video");
    if (!shown?.videoWidth) return null;
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(WIDTH, shown.videoWidth);
    canvas.height = Math.round((canvas.width * shown.videoHeight) / shown.videoWidth);
    canvas.getContext("2d").drawImage(shown, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  };

  // The sound since the last request, as 16-bit integers.
  const pcm = (mine) => {
    const out = new Int16Array(mine.samples);
    let at = 0;
    for (const block of mine.sound) for (const value of block) out[at++] = Math.max(-1, Math.min(1, value)) * 32767;
    mine.sound = [], mine.samples = 0;
    return out;
  };

  window.emorecLive = { open, run, stop: () => stop() };
  window.addEventListener("pagehide", () => stop());
}
