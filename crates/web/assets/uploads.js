// Files on their way in. Each has a row that says where it stands until it is developed, or what went wrong.

import { ServerError, isTaken, upload } from "./api.js";
import * as format from "./format.js";

/** Uploads at a time: enough to fill a line, few enough that the first ones finish soon. */
const AT_A_TIME = 3;
/** Most photos are developed within this time. */
const SOON_MS = 3000;
/** A finished row stays this long, to be read. */
const LINGER_MS = 5000;

const box = document.querySelector("#uploads");
const list = document.querySelector("#upload-list");
const title = document.querySelector("#uploads-title");
const template = document.querySelector("#upload-template");

const rows = new Set();
const waiting = [];
let sending = 0;
let options = { prefix: "", maxBytes: Infinity, onStored: () => {} };

document.querySelector("#uploads-clear").addEventListener("click", () => {
  for (const row of rows) if (["done", "failed", "exists", "stored"].includes(row.state)) row.remove();
});
addEventListener("beforeunload", (event) => {
  if (sending + waiting.length) event.preventDefault();
});

export function configure(settings) {
  options = { ...options, ...settings };
}

/** Whether something is on its way or waits for its prints. */
export const isBusy = () => [...rows].some((row) => ["waiting", "sending", "developing"].includes(row.state));

/** Whether something was stored a moment ago, so that its prints are due. */
export const isExpectingSoon = () => [...rows].some((row) => row.state === "developing" && performance.now() - row.storedAt < SOON_MS);

/** Takes files from the picker or from a drop. */
export function add(files) {
  for (const file of files) {
    const row = new Row(file);
    if (file.type && !file.type.startsWith("image/")) row.fail("This is not an image; it was not uploaded.");
    else if (file.size === 0) row.fail("The file is empty; it was not uploaded.");
    else if (file.size > options.maxBytes) row.fail(`The file is larger than the server takes (${format.bytes(options.maxBytes)}).`);
    else row.enqueue();
  }
  next();
}

/** Compares the rows with what the server lists: an image's state becomes its row's. What was asked for before a row's
 *  file was stored says nothing about it; `askedAt` tells. */
export function reconcile(images, queueIsEmpty, askedAt) {
  const byKey = new Map(images.map((image) => [image.key, image]));
  for (const row of rows) {
    if (row.state !== "developing" || askedAt < row.storedAt) continue;
    const image = byKey.get(row.key);
    const isThis = image && image.sequencer >= row.sequencer;
    if (isThis && image.state === "processed") row.done("Developed");
    else if (isThis && image.state === "failed") row.fail(`Stored, but it could not be developed: ${format.reason(image) ?? "no reason was given"}`);
    // Further down than the list reaches.
    else if (!isThis && queueIsEmpty) row.done("Stored");
  }
}

function next() {
  while (sending < AT_A_TIME && waiting.length) {
    sending++;
    waiting
      .shift()
      .send()
      .finally(() => {
        sending--;
        next();
      });
  }
  tell();
}

function tell() {
  box.hidden = rows.size === 0;
  const left = [...rows].filter((row) => row.state === "waiting" || row.state === "sending").length;
  title.textContent = left ? `Uploading ${format.plural(left, "photo", "photos")}` : "Uploads";
}

class Row {
  constructor(file) {
    this.file = file;
    this.key = options.prefix + file.name;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.querySelector(".name").textContent = file.name;
    this.progress = this.element.querySelector("progress");
    this.progress.setAttribute("aria-label", file.name);
    this.replace = false;
    rows.add(this);
    list.append(this.element);
  }

  set(state, text, actions = []) {
    this.state = state;
    this.element.dataset.state = state;
    this.element.querySelector(".upload-state").textContent = text;
    const buttons = actions.map(([label, act]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      button.textContent = label;
      button.setAttribute("aria-label", `${label}: ${this.file.name}`);
      button.addEventListener("click", () => act());
      return button;
    });
    this.element.querySelector(".upload-actions").replaceChildren(...buttons);
    tell();
  }

  enqueue() {
    waiting.push(this);
    this.set("waiting", "Waiting", [["Cancel", () => this.remove()]]);
  }

  async send() {
    this.set("sending", "");
    this.preview();
    const path = format.keyPath(this.key);
    try {
      // Asked first, since a refusal in the middle of a long body rarely reaches the page.
      if (!this.replace && (await isTaken(path))) return this.askAboutExisting();
      const { done, abort } = upload(path, this.file, {
        replace: this.replace,
        onProgress: (part) => {
          this.progress.value = part;
          // All bytes sent is not yet all bytes safe on the server's disk.
          this.element.querySelector(".upload-state").textContent = part < 1 ? `${Math.floor(part * 100)} %` : "Storing…";
        },
      });
      this.set("sending", "0 %", [["Cancel", abort]]);
      const stored = await done;
      this.sequencer = stored.sequencer;
      this.storedAt = performance.now();
      if (stored.state === null) this.set("stored", "Stored. No rule picks it up, so no prints are made.", [["Dismiss", () => this.remove()]]);
      else this.set("developing", "Developing…");
      options.onStored();
    } catch (error) {
      if (error.name === "AbortError") this.remove();
      else if (error instanceof ServerError && error.code === "exists") this.askAboutExisting();
      else this.fail(`Not uploaded: ${error.message}.`, [["Try again", () => this.again()]]);
    }
  }

  askAboutExisting() {
    this.set("exists", `${format.fileName(this.key)} is already in the bucket.`, [
      ["Keep both", () => ((this.key = numbered(this.key)), this.again())],
      ["Replace", () => ((this.replace = true), this.again())],
      ["Skip", () => this.remove()],
    ]);
  }

  again() {
    this.progress.value = 0;
    this.enqueue();
    next();
  }

  done(text) {
    this.set("done", text);
    setTimeout(() => this.state === "done" && this.remove(), LINGER_MS);
  }

  fail(text, actions = []) {
    this.set("failed", text, [...actions, ["Dismiss", () => this.remove()]]);
  }

  remove() {
    const index = waiting.indexOf(this);
    if (index >= 0) waiting.splice(index, 1);
    rows.delete(this);
    this.element.remove();
    tell();
  }

  /** A small picture of the file itself; formats that the browser cannot read have none. */
  async preview() {
    if (this.previewed || this.file.size > 50e6) return;
    this.previewed = true;
    try {
      const bitmap = await createImageBitmap(this.file, { resizeHeight: 80, resizeQuality: "medium" });
      const canvas = this.element.querySelector("canvas");
      canvas.width = canvas.height = 80;
      canvas.getContext("2d").drawImage(bitmap, (80 - bitmap.width) / 2, 0);
      bitmap.close();
    } catch {
      // The row does without.
    }
  }
}

/** `a.jpg` → `a-2.jpg` → `a-3.jpg`. */
function numbered(key) {
  const [, stem, number, extension] = key.match(/^(.*?)(?:-(\d+))?(\.[^./]*)?$/s);
  return `${stem}-${Number(number ?? 1) + 1}${extension ?? ""}`;
}
