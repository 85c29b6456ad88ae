// Decodes a ThumbHash (https://evanw.github.io/thumbhash/), the 25 bytes or so that stand for an image until it arrives.
//
// The image is a sum of cosines in three channels, and a fourth when there is transparency: L is brightness, P yellow
// against blue, Q red against green. Five bytes (six with transparency) hold each channel's mean and the scale of
// its cosines; then come the coefficients, four bits each, low half of a byte first.

/** Longest side of the decoded picture in pixels: more would only smooth what is smooth already. */
const LONGEST_SIDE = 32;

/** Reads the fixed part. Throws a RangeError when the bytes are too few. */
function readHeader(bytes) {
  if (bytes.length < 5) throw new RangeError("a ThumbHash has at least five bytes");
  const first = bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);
  const second = bytes[3] | (bytes[4] << 8);
  const hasAlpha = first >> 23 === 1;
  const landscape = second >> 15 === 1;
  if (hasAlpha && bytes.length < 6) throw new RangeError("a ThumbHash with alpha has at least six bytes");
  const longCount = hasAlpha ? 5 : 7;
  const shortCount = second & 7;
  return {
    hasAlpha,
    countX: landscape ? longCount : shortCount,
    countY: landscape ? shortCount : longCount,
    l: { mean: (first & 63) / 63, scale: ((first >> 18) & 31) / 31 },
    p: { mean: ((first >> 6) & 63) / 31.5 - 1, scale: ((second >> 3) & 63) / 63 },
    q: { mean: ((first >> 12) & 63) / 31.5 - 1, scale: ((second >> 9) & 63) / 63 },
    a: hasAlpha ? { mean: (bytes[5] & 15) / 15, scale: (bytes[5] >> 4) / 15 } : { mean: 1, scale: 0 },
  };
}

/** The coefficients of one channel as [frequency across, frequency down, amplitude], from the triangle of low ones. */
function readCosines(nextNibble, countX, countY, scale) {
  const cosines = [];
  for (let v = 0; v < countY; v++) {
    for (let u = v === 0 ? 1 : 0; u * countY < countX * (countY - v); u++) {
      cosines.push([u, v, (nextNibble() / 7.5 - 1) * scale]);
    }
  }
  return cosines;
}

/** Adds up one channel over the whole picture. */
function synthesise({ mean }, cosines, width, height) {
  const plane = new Float32Array(width * height).fill(mean);
  for (const [u, v, amplitude] of cosines) {
    for (let y = 0; y < height; y++) {
      const down = 2 * amplitude * Math.cos((Math.PI / height) * (y + 0.5) * v);
      for (let x = 0; x < width; x++) {
        plane[y * width + x] += down * Math.cos((Math.PI / width) * (x + 0.5) * u);
      }
    }
  }
  return plane;
}

/** Decodes a base64 ThumbHash to ImageData, whose sides have about the proportions of the image. */
export function decodeThumbHash(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const header = readHeader(bytes);
  const { hasAlpha, countX, countY } = header;
  const ratio = countX / Math.max(1, countY);
  const width = Math.max(1, Math.round(ratio > 1 ? LONGEST_SIDE : LONGEST_SIDE * ratio));
  const height = Math.max(1, Math.round(ratio > 1 ? LONGEST_SIDE / ratio : LONGEST_SIDE));

  let position = (hasAlpha ? 6 : 5) * 2;
  const nextNibble = () => {
    const byte = bytes[position >> 1];
    if (byte === undefined) throw new RangeError("the ThumbHash ends early");
    return position++ & 1 ? byte >> 4 : byte & 15;
  };
  // The colour coefficients are stored a quarter too small, to make better use of their four bits.
  const cosines = {
    l: readCosines(nextNibble, Math.max(3, countX), Math.max(3, countY), header.l.scale),
    p: readCosines(nextNibble, 3, 3, header.p.scale * 1.25),
    q: readCosines(nextNibble, 3, 3, header.q.scale * 1.25),
    a: hasAlpha ? readCosines(nextNibble, 5, 5, header.a.scale) : [],
  };
  const [l, p, q, a] = ["l", "p", "q", "a"].map((channel) => synthesise(header[channel], cosines[channel], width, height));

  // ImageData clamps to 0..=255 and rounds by itself.
  const picture = new ImageData(width, height);
  for (let index = 0; index < width * height; index++) {
    const blue = l[index] - (2 / 3) * p[index];
    const red = (3 * l[index] - blue + q[index]) / 2;
    picture.data.set([red * 255, (red - q[index]) * 255, blue * 255, a[index] * 255], index * 4);
  }
  return picture;
}

/** Draws a ThumbHash into a canvas; a damaged one leaves it empty, since it stands in for something better anyway. */
export function paintThumbHash(canvas, base64) {
  try {
    const picture = decodeThumbHash(base64);
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return true;
  } catch {
    return false;
  }
}
