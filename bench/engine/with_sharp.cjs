// with_sharp.cjs FILE SIZE N: median milliseconds of N thumbnails, file bytes → JPEG quality 80 bytes.
const fs = require("node:fs");
const sharp = require("sharp");

sharp.cache(false);
sharp.concurrency(1);

async function main() {
  const [path, size, times] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
  const data = fs.readFileSync(path);
  const took = [];
  for (let i = 0; i <= times; i++) {
    const start = performance.now();
    await sharp(data, { limitInputPixels: false })
      .resize(size, size, { fit: "inside", withoutEnlargement: true })
      .jpeg({ quality: 80 })
      .toBuffer();
    took.push(performance.now() - start);
  }
  const measured = took.slice(1).sort((a, b) => a - b); // the first warms up
  const middle = measured.length >> 1;
  console.log(measured.length % 2 ? measured[middle] : (measured[middle - 1] + measured[middle]) / 2);
}

main();
