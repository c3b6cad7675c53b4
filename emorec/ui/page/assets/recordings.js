// Several recordings: uploads files and folders that are chosen or dropped, one by one, and then adds them to the list.
// These requests, and those of the buttons in the lists, go to the server one after the other in a hidden text field.
() => {
  // The suffixes that ``emorec batch`` finds in a folder (``SUFFIXES`` in emorec/media/containers.py), and some more.
  const KNOWN = /\.(mp4|m4[abv]|mov|mj2|mk[av]|web[am]|avi|f[l4]v|wmv|asf|ts|mts|m2ts|mpe?g|mpe|m2v|vob|mxf|dv|3gp|3g2|og[agv]|ivf|obu|h264|hevc|gif|mp[23]|wav|w64|aac|opus|flac|ac3|eac3|aif[cf]?|aiff|amr|caf|au|wv|tta|wma)$/i;
  const MOST = 20; // names of files in one request
  const PAUSE = 3000; // milliseconds between two such requests while more is uploaded
  const WAIT = 60000; // milliseconds for an answer
  const SURE = 6000; // milliseconds within which a button that deletes must be pressed again
  const LOOK = 1000; // milliseconds between two looks that count as waiting, at most
  const AGAIN = 3000; // milliseconds after which a request without an answer is sent again
  const find = (selector) => document.querySelector(selector);
  const say = (words) => { const place = find("#pick .sending"); if (place) place.textContent = words; };
  let number = 0, sending = Promise.resolve(), waiting = [], uploading = false, notes = [];
  let joins = false; // Analyze all was clicked during the upload, so the uploaded files are analysed too

  window.emorecNow = () => {
    const media = find("#player :is(video, audio):not([hidden])"); // hidden: the browser cannot play it
    return media && window.emorecClock(Math.floor(10 * window.emorecAt()) / 10);
  };

  // Sends a request until there is an answer, because a page that has just been opened may ignore the field. If the page
  // has got the first request, the same text again is no change of the field. Nothing is sent before the first answer has
  // come, because the server would not know the browser. Resolves to whether there was an answer.
  const answered = (id, ask) => new Promise((resolve) => {
    let asked = -Infinity, looked = performance.now(), waited = 0;
    const look = () => {
      const now = performance.now(), shown = Number(find("#ack [data-ack]")?.dataset.ack);
      waited += Math.min(now - looked, LOOK); // a computer that sleeps does not wait
      looked = now;
      if (shown >= id || waited > WAIT) return resolve(shown >= id);
      if (shown >= 0 && now - asked > AGAIN) {
        asked = now;
        ask();
      }
      setTimeout(look, 50);
    };
    look();
  });
  const send = (words) => (sending = sending.then(async () => {
    const id = ++number;
    return answered(id, () => {
      const field = find("#command :is(textarea, input)");
      if (!field) return;
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, `${words} #${id}`);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }));

  const FAILED = "The upload failed; try again.", BROKEN = "The connection broke during the upload; try again.";
  const attempt = (file, told) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(), form = new FormData();
    form.append("files", file, file.name);
    request.open("POST", "gradio_api/upload");
    request.upload.onprogress = (event) => told(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      const refused = window.emorecProxyError?.(request.status, request.getResponseHeader("content-type"));
      if (request.status !== 200) return reject(refused || request.responseText || FAILED);
      try { resolve(JSON.parse(request.responseText)[0]); } catch { reject(FAILED); }
    };
    request.onerror = () => reject(BROKEN);
    request.send(form);
  });
  const upload = (file, told) => window.emorecPersist(() => attempt(file, told), (problem) => problem === BROKEN);

  // Returns how many of the files are not known to be in the list, because there was no answer.
  const name = async (done) => {
    let lost = 0;
    while (done.length) {
      const some = done.splice(0, MOST);
      if (!(await send(`${joins ? "join" : "add"} ${JSON.stringify(some)}`))) lost += some.length;
    }
    return lost;
  };
  const work = async () => {
    uploading = true;
    joins = false;
    const problems = [], done = [];
    let named = performance.now(), lost = 0;

    while (waiting.length) {
      const { file, path } = waiting.shift();
      try {
        const stored = await upload(file, (share) =>
          say(`Uploading ${path}, ${Math.round(100 * share)}%${waiting.length ? `; ${waiting.length} more` : ""}`));
        done.push({ path: stored, name: path });
      } catch (problem) {
        problems.push(`${path}: ${problem}`);
      }
      // With many files, several in one request, because each answer contains the whole list.
      if (done.length < MOST && waiting.length > MOST && performance.now() - named < PAUSE) continue;
      lost += await name(done);
      named = performance.now();
      if (waiting.length && find("#ack [data-full]")) {
        problems.push(`The list is full; ${waiting.length} more were not uploaded.`);
        waiting = [];
      }
    }
    uploading = false;
    if (lost) {
      const [files, them] = lost === 1 ? ["1 file was", "it"] : [`${lost} files were`, "them"];
      problems.push(`${files} uploaded, but the page got no answer; if the list does not have ${them}, add ${them} again.`);
    }
    say([...problems, ...notes].join(" "));
    notes = [];
  };
  // A page that is left or loaded again has no files any more; the browser then asks whether to stay.
  addEventListener("beforeunload", (event) => { if (uploading) event.preventDefault(); });
  document.addEventListener("click", (event) => { joins ||= uploading && Boolean(event.target.closest("#analyze-all")); });
  const take = (found, note) => {
    waiting.push(...found);
    if (note) notes.push(note);
    if (!uploading) work();
  };
  // Takes only the files of a folder that look like recordings and are not hidden.
  const ofFolder = (found) => {
    const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));
    const kept = found.filter(({ file, path }) => KNOWN.test(file.name) && !isHidden(path));
    const left = found.length - kept.length;
    const which = left === 1 ? "file is not a recording and was" : "files are not recordings and were";
    take(kept, !found.length ? "The folder is empty." : left ? `${left} ${which} left out.` : null);
  };

  const read = (reader) => new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
      return file ? [{ file, path: entry.fullPath.replace(/^\//, "") }] : [];
    }
    const reader = entry.createReader(), found = [];
    for (let part = await read(reader); part.length; part = await read(reader)) {
      for (const inner of part) found.push(...(await walk(inner)));
    }
    return found;
  };

  // Gradio handles the drop of one file; these listeners are called before its own.
  document.addEventListener("drop", (event) => {
    if (!event.target.closest?.("#file, #pick, #several")) return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files].map((file) => ({ file, path: file.name }));
    const folder = entries.some((entry) => entry.isDirectory);
    if (!folder && files.length < 2 && event.target.closest("#file")) return;
    event.preventDefault();
    event.stopPropagation();
    event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
    if (!folder) return take(files);
    const plain = entries.filter((entry) => entry.isFile).map((entry) => entry.name);
    take(files.filter(({ path }) => plain.includes(path)));
    Promise.all(entries.filter((entry) => entry.isDirectory).map(walk)).then((found) => ofFolder(found.flat()));
  }, true);
  document.addEventListener("dragover", (event) => {
    if (event.target.closest?.("#pick, #several")) event.preventDefault();
  });
  const chosen = (field) => {
    const found = [...field.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
    field.webkitdirectory ? ofFolder(found) : take(found);
    field.value = "";
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("#pick input[type=file]")) chosen(event.target);
  }, true);
  // Files that were chosen before this script ran.
  document.querySelectorAll("#pick input[type=file]").forEach((field) => { if (field.files.length) chosen(field); });

  // Scrolls to the status line of a result that was opened. The player above it and the chart get their size a little
  // later and move the line, so this is repeated for some time, unless the person scrolls.
  const SETTLED = 2000; // milliseconds
  let scrolledBy = 0; // when the person last scrolled or pressed anything
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    document.addEventListener(kind, () => { scrolledBy = performance.now(); }, { capture: true, passive: true });
  }
  const bringUp = (began) => {
    const top = find("#status [data-opened]")?.getBoundingClientRect().top;
    if (top === undefined || scrolledBy > began) return;
    if (top < 0 || top > innerHeight / 2) window.emorecScroll(find("#status"), "start");
    if (performance.now() - began < SETTLED) setTimeout(bringUp, 250, began);
  };
  // The tab Picture shows no results of recordings.
  const leavePicture = () => {
    if (find("#inputs [role=tab][data-tab-id=picture][aria-selected=true]")) find("#inputs [role=tab]").click();
  };
  // Without ``focus``, the focus stays in the list, for its next recording.
  const goToResult = (focus) => {
    const line = find("#status [data-opened]");
    bringUp(performance.now());
    if (!line || !focus) return;
    line.tabIndex = -1;
    line.focus({ preventScroll: true });
  };

  // A button that deletes must be pressed twice. A redraw of the list may use the same button for another line.
  const isSure = (button) => button.classList.contains("sure") && button.armed === button.dataset.do;
  const arm = (button) => {
    const words = button.textContent, label = button.ariaLabel;
    button.classList.add("sure");
    button.textContent = button.dataset.sure;
    if (label) button.ariaLabel = `${button.dataset.sure}: ${label}`;
    button.armed = button.dataset.do;
    clearTimeout(button.timer);
    button.timer = setTimeout(() => button.disarm(), SURE);
    button.disarm = () => {
      clearTimeout(button.timer);
      if (!isSure(button)) return;
      button.classList.remove("sure");
      button.textContent = words;
      if (label) button.ariaLabel = label;
    };
  };

  document.addEventListener("click", (event) => {
    const pick = event.target.closest("[data-pick]");
    if (pick) find(pick.dataset.pick === "folder" ? "#pick [webkitdirectory]" : "#pick [multiple]").click();
    const button = event.target.closest("[data-do]");
    if (!button) return;
    if (button.dataset.sure && !isSure(button)) return arm(button);
    button.disarm?.();
    const [what] = button.dataset.do.split(" ");
    if (what === "open" || what === "show") leavePicture();
    send(button.dataset.do).then((done) => {
      if (done && (what === "open" || what === "show")) goToResult(!button.closest("#recordings"));
    });
  });

  // What this page shows was deleted on another page of the browser; a browser may refuse the channel to a framed page.
  try {
    new BroadcastChannel("emorec-pages").onmessage = ({ data }) => {
      const [what, ...pages] = data.split(" ");
      if (what === "emptied" && pages.includes(find("#ack [data-session]")?.dataset.session)) send("empty");
    };
  } catch {}

  // After a redraw of the lists, the focus is set again, and times are shown in the local time of the browser.
  let focused = null, list = "";
  document.addEventListener("focusin", (event) => {
    list = event.target.closest("#recordings, #recents, #combined")?.id ?? "";
    focused = event.target.closest("#recordings [data-do], #recents [data-do], #combined [data-do]");
  });
  const settle = () => {
    const field = find("#command :is(textarea, input)");
    if (field) field.tabIndex = -1;
    for (const time of document.querySelectorAll("#recents time:not([data-local])")) {
      time.dataset.local = "";
      time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
    if (!focused || focused.isConnected || document.activeElement !== document.body) return;
    const [, id] = focused.dataset.do.split(" ");
    const host = find(`[data-do="${focused.dataset.do}"]`) ?? find(`[data-item="${id}"] button, [data-recent="${id}"] button`)
      ?? find(`#${list} button`);
    focused = null;
    host?.focus();
  };
  new MutationObserver(settle).observe(document.body, { childList: true, subtree: true });
}
