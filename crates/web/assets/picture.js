// Chooses what stands for an image on the screen. Everything that comes out of a file is set as text or as an encoded
// address, never as markup.

import { downloadUrl, shownSize } from "./format.js";
import { paintThumbHash } from "./thumbhash.js";

const DISPLAYABLE = new Set(["jpeg", "png", "webp", "gif", "avif"]);

/** A source is shown itself only when nothing was made of it and it is no larger than this. */
const LARGEST_SOURCE_BYTES = 4e6;

/** Proportions for a print, kept within what can stand in a row. */
export function ratioOf(image) {
  const size = shownSize(image) ?? image.variants?.find((variant) => variant.width && variant.height);
  return size ? Math.min(2.6, Math.max(0.55, size.width / size.height)) : 1.4;
}

/** The variants that a browser can show, smallest first; those with the image's own proportions when there are such. */
function candidates(image) {
  const shown = (image.variants ?? []).filter((variant) => DISPLAYABLE.has(variant.format) && variant.width && variant.height);
  const size = shownSize(image);
  const whole = size ? shown.filter((variant) => Math.abs(variant.width / variant.height / (size.width / size.height) - 1) < 0.04) : [];
  return (whole.length ? whole : shown).toSorted((a, b) => a.width - b.width);
}

/** The addresses change with the version, so that a replaced photo is not taken from the browser's memory. */
const address = (image, object) => downloadUrl(object, { v: image.etag });

/** Gives an <img> its sources. `fit` limits the widths that come into question. */
export function setSources(element, image, { displayWidth, upTo = Infinity }) {
  const options = candidates(image);
  const fitting = options.filter((variant) => variant.width <= upTo);
  const usable = fitting.length ? fitting : options.slice(0, 1);
  const fallback = DISPLAYABLE.has(image.format) && image.size_bytes <= LARGEST_SOURCE_BYTES ? image : null;
  const smallest = usable[0] ?? fallback;
  if (!smallest) return clearSources(element);
  const sources = usable.map((variant) => `${address(image, variant)} ${variant.width}w`);
  const key = sources.join() || address(image, smallest);
  if (element.dataset.sources === key) return;
  element.dataset.sources = key;
  element.classList.remove("shown");
  element.sizes = `${Math.ceil(displayWidth)}px`;
  element.srcset = sources.join(", ");
  element.src = address(image, smallest);
}

export function clearSources(element) {
  delete element.dataset.sources;
  element.classList.remove("shown");
  element.removeAttribute("srcset");
  element.removeAttribute("src");
}

/** Shows the image once it has loaded; what stood in its place stays when it does not. */
export function revealWhenLoaded(element) {
  element.addEventListener("load", () => element.classList.add("shown"));
  element.addEventListener("error", () => element.classList.remove("shown"));
}

/** Paints an image's ThumbHash; without one the canvas stays clear. */
export function setPlaceholder(canvas, image) {
  const hash = image.thumbhash ?? "";
  if (canvas.dataset.hash === hash) return;
  canvas.dataset.hash = hash;
  if (!hash || !paintThumbHash(canvas, hash)) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}
