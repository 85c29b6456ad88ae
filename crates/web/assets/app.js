// The page: asks the server how things stand, and hands the answers to those who show them.

import * as api from "./api.js";
import * as deliveries from "./deliveries.js";
import * as detail from "./detail.js";
import * as failed from "./failed.js";
import * as format from "./format.js";
import * as gallery from "./gallery.js";
import * as uploads from "./uploads.js";

const byId = (id) => document.getElementById(id);
const say = (id, text) => {
  if (byId(id).textContent !== text) byId(id).textContent = text;
};

/** Between two looks: just after an upload, while work is going on, when nothing happens, when nobody answers. */
const PACE_MS = { eager: 250, busy: 1000, idle: 5000, down: 4000 };
const LIMITS = [60, 200];

let limit = LIMITS[0];
let timer;
let looking = false;
let lookAgain = false;
/** Whether this visitor may see what failed and who was told; null until the server has said it. */
let trusted = null;

/** One look at everything; unchanged answers cost next to nothing. Looks never overlap. */
async function look() {
  clearTimeout(timer);
  if (looking) {
    lookAgain = true;
    return;
  }
  looking = true;
  lookAgain = false;
  let pace = PACE_MS.down;
  const askedAt = performance.now();
  try {
    if (!api.server.value) await api.server.refresh().then(showServer);
    await Promise.all([api.images.refresh(), api.statistics.refresh(), api.queue.refresh(), lookIntoLedgers()]);
    pace = PACE_MS[showAll(askedAt)];
  } catch (error) {
    showStatus("down", error instanceof api.ServerError ? `The server says: ${error.message}` : "The server cannot be reached. Trying again…");
  } finally {
    looking = false;
  }
  // Hidden pages rest; coming back looks at once.
  if (lookAgain) look();
  else if (!document.hidden) timer = setTimeout(look, pace);
}

/** Jobs and notifications, for those who may see them. */
async function lookIntoLedgers() {
  if (!trusted) return;
  try {
    await Promise.all([api.dead.refresh(), api.waiting.refresh(), api.deliveries.refresh()]);
  } catch (error) {
    if (error.status !== 401) throw error;
    trust(false);
  }
}

function trust(now) {
  trusted = now;
  byId("ledgers").hidden = !now;
  byId("sign-in").hidden = now;
  byId("failed-count").hidden = true;
}

/** Shows what was found; says how soon there is likely to be more. */
function showAll(askedAt) {
  const { images, bucket } = api.images.value;
  const counts = api.queue.value;
  const open = counts.ready + counts.leased + counts.waiting;
  const added = gallery.show(images, detail.open);
  detail.update(images);
  uploads.reconcile(images, open === 0, askedAt);
  showStatistics(api.statistics.value);
  if (trusted && api.deliveries.value) {
    failed.show(api.dead.value.jobs, api.waiting.value.jobs, counts);
    deliveries.show(api.deliveries.value.notifications);
  }

  const pending = images.filter((image) => image.state === "pending").length;
  byId("empty").hidden = images.length > 0;
  byId("more").hidden = images.length < limit || limit === LIMITS[1];
  say("prints-note", images.length >= LIMITS[1] ? `the newest ${images.length} of bucket ${bucket}` : `from bucket ${bucket}, newest first`);
  if (added) say("announcer", `${format.plural(added, "new photo", "new photos")} on the sheet`);
  if (counts.ready + counts.leased > 0) showStatus("busy", `Developing ${format.plural(Math.max(pending, 1), "photo", "photos")}`);
  else if (counts.waiting > 0) showStatus("busy", `${format.plural(counts.waiting, "job waits", "jobs wait")} for another try`);
  else showStatus("ready", "Ready");
  if (uploads.isExpectingSoon()) return "eager";
  return open > 0 || uploads.isBusy() ? "busy" : "idle";
}

function showStatus(state, text) {
  byId("status").dataset.state = state;
  say("status-text", text);
}

function showServer() {
  const { version, s3_endpoint: endpoint, default_bucket, upload_prefix: prefix, max_upload_bytes: maxBytes, may_write } = api.server.value;
  const bucket = new URLSearchParams(location.search).get("bucket") ?? default_bucket;
  say("version", version);
  say("endpoint", endpoint);
  say("command", `aws --endpoint-url ${format.shellWord(endpoint)} s3 cp photo.jpg ${format.shellWord(`s3://${bucket}/${prefix}`)}`);
  say("dropzone-note", `They go into ${bucket}/${prefix} as they are and are developed from there.`);
  uploads.configure({ prefix, maxBytes, onStored: look });
  if (trusted === null) trust(may_write);
}

function showStatistics({ count, bytes, largest, smallest, types, failed }) {
  say("stat-count", format.count(count));
  say("stat-failed", failed ? `${format.count(failed)} more failed` : count ? "all developed" : "");
  say("stat-bytes", count ? format.bytes(bytes) : "–");
  say("stat-mean", count ? `${format.bytes(bytes / count)} on average` : "");
  for (const [name, sized] of [["largest", largest], ["smallest", smallest]]) {
    say(`stat-${name}`, sized ? format.bytes(sized.size_bytes) : "–");
    say(`stat-${name}-key`, sized ? format.fileName(sized.key) : "");
    byId(`stat-${name}-key`).title = sized?.key ?? "";
  }
  showTypes(types);
}

function showTypes(types) {
  const known = ["jpeg", "png", "webp", "gif", "avif"];
  const parts = Object.entries(types).sort(([, a], [, b]) => b - a);
  const written = JSON.stringify(parts);
  if (byId("type-bar").dataset.written === written) return;
  byId("type-bar").dataset.written = written;
  const swatch = (name, type) => {
    const made = document.createElement(name);
    made.dataset.type = known.includes(type) ? type : "other";
    return made;
  };
  byId("type-bar").replaceChildren(
    ...parts.map(([type, number]) => {
      const part = swatch("span", type);
      part.style.flexGrow = number;
      return part;
    }),
  );
  const legend = parts.map(([type, number]) => {
    const entry = document.createElement("span");
    entry.append(swatch("i", type), `${format.formatName(type)} ${format.count(number)}`);
    return entry;
  });
  byId("type-legend").replaceChildren(...(legend.length ? legend : ["–"]));
}

async function copy(button) {
  const source = byId(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    // Browsers lend the clipboard to secure pages only; a selection can be copied by hand.
    getSelection().selectAllChildren(source);
    button.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function listenForFiles() {
  const curtain = byId("dropcurtain");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  byId("picker").addEventListener("change", ({ target }) => {
    uploads.add([...target.files]);
    target.value = "";
  });
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    curtain.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.hidden = true;
  });
  addEventListener("drop", (event) => {
    curtain.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    uploads.add([...event.dataTransfer.files]);
  });
}

listenForFiles();
failed.configure(look);
deliveries.configure(look);
byId("sign-in-button").addEventListener("click", () => {
  // The browser asks for the login as soon as something is fetched that needs one.
  trust(true);
  look();
});
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));
byId("more").addEventListener("click", () => {
  limit = LIMITS[1];
  api.setImageLimit(limit);
  look();
});
document.addEventListener("visibilitychange", () => document.hidden || look());
look();
