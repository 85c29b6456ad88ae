// with_sharp.cjs: each line of standard input is a JSON object {file, size, format, quality, out}; the picture inside
// size × size is written to `out`, and its bytes are counted on standard output, a line each.
const fs = require("node:fs");
const readline = require("node:readline");
const sharp = require("sharp");

sharp.cache(false);
sharp.concurrency(1);

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { file, size, format, quality, out } = JSON.parse(line);
    const resized = sharp(file, { limitInputPixels: false }).resize(size, size, { fit: "inside", withoutEnlargement: true });
    const bytes = await (format === "png" ? resized.png() : resized.jpeg({ quality })).toBuffer();
    fs.writeFileSync(out, bytes);
    console.log(bytes.length);
  }
}

main();
