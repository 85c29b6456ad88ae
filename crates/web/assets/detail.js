// One photo in a dialog: large, with what is known of it and everything that was made of it.

import * as format from "./format.js";
import { idOf } from "./gallery.js";
import { clearSources, revealWhenLoaded, setLarge, setPlaceholder } from "./picture.js";

const part = (name) => document.querySelector(`#detail-${name}`);
const dialog = document.querySelector("#detail");
const stage = part("stage");
const variantTemplate = document.querySelector("#variant-template");

const STATES = { pending: "Being developed", processed: "Developed", failed: "Could not be developed" };

let images = [];
let openId = null;

revealWhenLoaded(stage.querySelector("img"));
part("close").addEventListener("click", () => dialog.close());
part("back").addEventListener("click", () => step(-1));
part("on").addEventListener("click", () => step(1));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => (openId = null));
dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

export function open(id) {
  openId = id;
  fill();
  if (!dialog.open) dialog.showModal();
  part("text").scrollTo(0, 0);
}

/** Takes over a new list; the dialog follows when its photo has changed, and closes when it is gone. */
export function update(list) {
  images = list;
  if (openId === null) return;
  if (images.some((image) => idOf(image) === openId)) fill();
  else dialog.close();
}

function step(by) {
  const next = images[images.findIndex((image) => idOf(image) === openId) + by];
  if (next) open(idOf(next));
}

function fill() {
  const index = images.findIndex((image) => idOf(image) === openId);
  const image = images[index];
  if (!image) return;
  const written = JSON.stringify([index, images.length, image]);
  if (dialog.dataset.written === written) return;
  dialog.dataset.written = written;

  const picture = stage.querySelector("img");
  const size = format.shownSize(image);
  picture.alt = format.fileName(image.key);
  setPlaceholder(stage.querySelector("canvas"), image);
  if (image.state === "failed" && !image.variants.length) clearSources(picture);
  else setLarge(picture, image);
  part("stage-note").textContent = image.state === "processed" ? "" : STATES[image.state];
  part("back").disabled = index === 0;
  part("on").disabled = index === images.length - 1;

  part("name").textContent = format.fileName(image.key);
  part("address").textContent = `s3://${image.bucket}/${image.key}`;
  part("state").textContent = STATES[image.state] ?? image.state;
  part("state").dataset.state = image.state;
  part("failures").replaceChildren(...(image.failures ?? []).map(({ rule, error }) => element("li", `Rule “${rule}”: ${format.reason(image, error)}`)));
  part("variants").replaceChildren(...variantRows(image));
  rows(part("facts"), [
    ["Format", image.format && format.formatName(image.format)],
    ["Pixels", size && format.dimensions(size.width, size.height)],
    ["Length", image.size_bytes < 1000 ? format.bytes(image.size_bytes) : `${format.bytes(image.size_bytes)} (${format.count(image.size_bytes)} bytes)`],
    ["Uploaded", format.time(image.created_at ?? image.time)],
    ["Colour", image.color_space && `${{ ycbcr: "YCbCr", ycck: "YCCK" }[image.color_space] ?? image.color_space.toUpperCase()}, ${image.bit_depth} bits a channel`],
    ["Profile", image.icc_profile],
    ["Transparency", image.has_alpha && "yes"],
    ["Orientation", image.orientation > 1 && `stored turned (EXIF ${image.orientation})`],
    ["ETag", image.etag, "mono"],
    ["SHA-256", image.sha256, "mono"],
  ]);
  const exif = format.exifRows(image.exif);
  part("exif-title").hidden = exif.length === 0;
  rows(part("exif"), exif);
  part("download").href = format.downloadUrl(image, { download: 1 });
  part("json").href = `images/${format.keyPath(image.key)}?${new URLSearchParams({ bucket: image.bucket })}`;
}

function variantRows(image) {
  if (!image.variants.length) {
    const reason = { pending: "They are being made.", failed: "None could be made." }[image.state] ?? "The rule makes none.";
    const none = element("li", reason);
    none.className = "none";
    return [none];
  }
  return image.variants.map((variant) => {
    const row = variantTemplate.content.firstElementChild.cloneNode(true);
    const [link, save] = row.querySelectorAll("a");
    link.textContent = variant.name;
    link.href = format.downloadUrl(variant);
    link.target = "_blank";
    link.rel = "noreferrer";
    save.href = format.downloadUrl(variant, { download: 1 });
    save.setAttribute("aria-label", `Save ${variant.name}`);
    const facts = [variant.width && format.dimensions(variant.width, variant.height), variant.format && format.formatName(variant.format), format.bytes(variant.size_bytes)];
    row.querySelector(".fine").textContent = `${facts.filter(Boolean).join(" · ")} — ${variant.bucket}/${variant.key}`;
    return row;
  });
}

/** Fills a description list with the rows that have a value. */
function rows(list, entries) {
  list.replaceChildren(
    ...entries.flatMap(([label, value, className]) => {
      if (!value) return [];
      const description = element("dd", String(value));
      if (className) description.className = className;
      return [element("dt", label), description];
    }),
  );
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
