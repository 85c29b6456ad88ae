// Puts values into words. Everything here returns plain text.

const number = new Intl.NumberFormat();
const sized = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const near = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const count = (value) => number.format(value);

export function plural(value, one, many) {
  return `${number.format(value)} ${value === 1 ? one : many}`;
}

/** A length in bytes, in decimal units as cameras and file managers use. */
export function bytes(value) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return unit === 0 ? plural(value, "byte", "bytes") : `${sized.format(scaled)} ${units[unit]}`;
}

export const time = (text) => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? String(text) : moment.format(date);
};

/** The time of a moment that is near. */
export const clock = (text) => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? String(text) : near.format(date);
};

export const dimensions = (width, height) => `${number.format(width)} × ${number.format(height)}`;

export const formatName = (format) =>
  ({ jpeg: "JPEG", png: "PNG", webp: "WebP", gif: "GIF", avif: "AVIF" })[format] ?? String(format);

/** Why an image failed, without the part that names the image: whoever reads it sees which one it is. */
export function reason(image, error = image.failures?.[0]?.error) {
  const subject = `${image.bucket}/${image.key} cannot be processed: `;
  return error?.startsWith(subject) ? error.slice(subject.length) : error;
}

export const fileName = (key) => key.slice(key.lastIndexOf("/") + 1) || key;

/** Width and height as shown, which EXIF orientations 5 to 8 exchange. */
export function shownSize(image) {
  if (!image.width || !image.height) return null;
  const turned = image.orientation >= 5;
  return { width: turned ? image.height : image.width, height: turned ? image.width : image.height };
}

const EXIF = {
  camera_make: ["Camera maker"],
  camera_model: ["Camera"],
  lens_model: ["Lens"],
  taken_at: ["Taken", (value) => String(value).replace(/^([\d-]+)T([\d:]+)(?:\.\d+)?/, "$1 $2 ")],
  exposure_time_s: ["Exposure", (value) => (value > 0 && value < 0.5 ? `1/${number.format(Math.round(1 / value))} s` : `${value} s`)],
  f_number: ["Aperture", (value) => `f/${value}`],
  iso: ["ISO"],
  focal_length_mm: ["Focal length", (value) => `${value} mm`],
  software: ["Software"],
  gps_latitude: ["Latitude"],
  gps_longitude: ["Longitude"],
};

/** EXIF fields as [label, text], the known ones first and in a sensible order. */
export function exifRows(exif) {
  const fields = Object.entries(exif ?? {});
  const rank = (name) => (name in EXIF ? Object.keys(EXIF).indexOf(name) : Infinity);
  fields.sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return fields.map(([name, value]) => {
    const [label, write] = EXIF[name] ?? [name.replaceAll("_", " ")];
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return [label, write && typeof value !== "object" ? write(value) : text];
  });
}

/** An object's path below a route, for a URL. Dot segments would be resolved by the browser, so those keys keep their
 *  slashes encoded. */
export function keyPath(key) {
  const parts = key.split("/");
  const dotted = parts.some((part) => part === "." || part === "..");
  return parts.map(encodeURIComponent).join(dotted ? "%2F" : "/");
}

export function downloadUrl({ bucket, key }, parameters = {}) {
  return `downloadimages/${keyPath(key)}?${new URLSearchParams({ bucket, ...parameters })}`;
}

/** A word as a shell takes it. */
export const shellWord = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
