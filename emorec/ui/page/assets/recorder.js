// The recorders of the webcam and the microphone, which are Gradio's: says why a device could not be opened, of which
// Gradio says nothing, and that a recording has to be stopped before Analyze can read it. Names recordings by the time.
() => {
  const REFUSED =
    "The browser does not let this page use the camera or the microphone; allow it beside the address, and try again.";
  const MISSING = "No such device was found; connect one, and try again.";
  const BUSY = "Another program uses the device; close it, and try again.";
  const INSECURE =
    "Browsers give the camera and the microphone to secure pages only; open this page over https, or on localhost.";
  const REASONS = { NotAllowedError: REFUSED, SecurityError: REFUSED, NotSupportedError: REFUSED,
                    NotReadableError: BUSY, AbortError: BUSY };
  const RECORDING = "The recording is still running; stop it, and then press Analyze.";
  const find = (selector) => document.querySelector(selector);

  const say = (place, words) => {
    find("#recorder-note")?.remove();
    if (!place || !words) return;
    const note = Object.assign(document.createElement("p"), { id: "recorder-note", className: "callout" });
    note.setAttribute("role", "alert");
    place.after(note);
    note.textContent = words;
  };

  let pressed = null; // the recorder in which a button was pressed last; null if something else was pressed after it
  document.addEventListener("click", (event) => {
    pressed = event.target.closest("#record, #picture");
    if (event.target.closest("button")) say();
    if (pressed && !navigator.mediaDevices && event.target.closest("button:not(.label-wrap)")) say(pressed, INSECURE);
  }, true);
  const devices = navigator.mediaDevices;
  if (devices) {
    const open = devices.getUserMedia;
    devices.getUserMedia = async (wanted) => {
      const place = pressed;
      try {
        return await open.call(devices, wanted);
      } catch (error) {
        say(place, REASONS[error.name] ?? MISSING);
        throw error;
      }
    };
  }

  const recorders = new Set();
  const Plain = window.MediaRecorder;
  if (Plain) {
    window.MediaRecorder = class extends Plain {
      start(...given) {
        super.start(...given); // fails if the device is gone
        recorders.add(this);
        this.addEventListener("stop", () => recorders.delete(this));
      }
    };
  }
  // All recordings of Gradio have the same name, so that nobody could tell them apart in a list.
  const DEVICE = { "sample": "Webcam", "audio": "Microphone" };
  const two = (number) => String(number).padStart(2, "0");
  const named = (name) => {
    const [, device, ending] = name.match(/^(sample|audio)(\.\w+)$/) ?? [];
    const now = new Date();
    const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
    const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join("."); // a colon is not for Windows
    return device ? `${DEVICE[device]} ${day} ${time}${ending}` : name;
  };
  // Not a class of our own: files that are chosen have to stay instances of ``File``; Gradio makes new ones of these, too.
  window.File = new Proxy(File, {
    construct: (Plain, [parts, name, ...options]) =>
      new Plain(parts, parts[0] instanceof Plain ? name : named(name), ...options),
  });

  document.addEventListener("click", (event) => {
    if (!recorders.size || !event.target.closest("#analyze")) return;
    event.stopImmediatePropagation();
    say(find("#buttons"), RECORDING);
  }, true);
}
