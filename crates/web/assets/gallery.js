// The prints: one for each image, kept in step with what the server lists.

import * as format from "./format.js";
import { clearSources, ratioOf, revealWhenLoaded, setPlaceholder, setPrint } from "./picture.js";
import { keepInRows } from "./rows.js";

const sheet = document.querySelector("#sheet");
const template = document.querySelector("#print-template");

/** About the greatest height of a row, to say how wide a print is shown. */
const ROW_PX = 260;

const STATES = { pending: "being developed", processed: "developed", failed: "could not be developed" };

const layOut = keepInRows(sheet);

/** Prints on the sheet by image. */
const prints = new Map();

export const idOf = (image) => `${image.bucket}/${image.key}`;

function makePrint(onOpen) {
  const print = template.content.firstElementChild.cloneNode(true);
  revealWhenLoaded(print.querySelector("img"));
  print.querySelector("button").addEventListener("click", () => onOpen(print.dataset.id));
  return print;
}

function fill(print, image) {
  const ratio = ratioOf(image);
  print.style.setProperty("--ratio", ratio.toFixed(4));
  print.dataset.imageState = image.state;
  print.classList.toggle("clear", image.has_alpha === true);
  setPlaceholder(print.querySelector("canvas"), image);
  const picture = print.querySelector("img");
  if (image.state === "failed" && !image.variants.length) clearSources(picture);
  else setPrint(picture, image, ratio * ROW_PX);

  const size = format.shownSize(image);
  const facts = [size && format.dimensions(size.width, size.height), format.bytes(image.size_bytes)].filter(Boolean).join(" · ");
  const name = format.fileName(image.key);
  const reason = format.reason(image);
  print.querySelector(".name").textContent = name;
  print.querySelector(".name").title = image.key;
  print.querySelector(".caption .fine").textContent = facts;
  print.querySelector(".notice").textContent = image.state === "pending" ? "Developing…" : (reason ?? "");
  print.querySelector("button").setAttribute("aria-label", [name, STATES[image.state], reason, facts].filter(Boolean).join(", "));
}

/** Puts `images`, newest first, on the sheet. Only what differs from before is touched. Returns the number of new ones. */
export function show(images, onOpen) {
  const first = prints.size === 0;
  const wanted = new Set(images.map(idOf));
  let changed = false;
  for (const [id, print] of prints) {
    if (!wanted.has(id)) {
      print.remove();
      prints.delete(id);
      changed = true;
    }
  }
  let added = 0;
  let before = null;
  for (const image of images) {
    const id = idOf(image);
    let print = prints.get(id);
    if (!print) {
      print = makePrint(onOpen);
      print.dataset.id = id;
      prints.set(id, print);
      added++;
      // What was there when the page opened does not arrive.
      if (!first) {
        print.classList.add("fresh");
        print.addEventListener("animationend", () => print.classList.remove("fresh"), { once: true });
      }
    }
    const written = JSON.stringify(image);
    if (print.dataset.written !== written) {
      print.dataset.written = written;
      changed = true;
      fill(print, image);
    }
    const expected = before ? before.nextElementSibling : sheet.firstElementChild;
    if (expected !== print) sheet.insertBefore(print, expected);
    before = print;
  }
  if (changed) layOut();
  return first ? 0 : added;
}
