// Chooses what stands for an image on the screen. Everything that comes out of a file is set as text or as an encoded
// address, never as markup.

import { downloadUrl, shownSize } from "./format.js";
import { paintThumbHash } from "./thumbhash.js";

const DISPLAYABLE = new Set(["jpeg", "png", "webp", "gif", "avif"]);

/** A source is shown itself only when nothing better was made of it and it is no larger than this. */
const LARGEST_SOURCE_BYTES = { print: 4e6, view: 25e6 };

/** Variants wider than this are too much for a print on the sheet, and for one photo seen by itself. */
const LARGEST_PRINT_PX = 1024;
const LARGEST_VIEW_PX = 2600;
/** A variant narrower than this is too little for one photo seen by itself. */
const SMALLEST_VIEW_PX = 700;

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

/** The source itself, where the browser can show it and it is no larger than that. */
const sourceUpTo = (image, bytes) => (DISPLAYABLE.has(image.format) && image.size_bytes <= bytes ? image : undefined);

/** Shows an image `width` pixels wide: the browser picks among the variants what suits its screen. */
export function setPrint(element, image, width) {
  const options = candidates(image);
  const usable = options.filter((variant) => variant.width <= LARGEST_PRINT_PX);
  const smallest = options[0] ?? sourceUpTo(image, LARGEST_SOURCE_BYTES.print);
  setSources(element, smallest && address(image, smallest), usable.map((variant) => `${address(image, variant)} ${variant.width}w`).join(", "), width);
}

/** Shows an image as large as there is something sensible for it. */
export function setLarge(element, image) {
  const options = candidates(image);
  const large = options.findLast((variant) => variant.width <= LARGEST_VIEW_PX) ?? options[0];
  const source = sourceUpTo(image, LARGEST_SOURCE_BYTES.view);
  const shown = large && (large.width >= SMALLEST_VIEW_PX || !source) ? large : source;
  setSources(element, shown && address(image, shown), "", 0);
}

function setSources(element, address, set, width) {
  if (!address) return clearSources(element);
  const sources = set || address;
  if (element.dataset.sources === sources) return;
  element.dataset.sources = sources;
  element.classList.remove("shown");
  if (set) {
    element.sizes = `${Math.ceil(width)}px`;
    element.srcset = set;
  } else {
    element.removeAttribute("srcset");
  }
  element.src = address;
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
