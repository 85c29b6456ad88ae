// with_sharp.cjs FILE SIZE[,SIZE…] N: thumbnails, file bytes → JPEG quality 80 bytes, N times. Several sizes are made in both of
// the ways that sharp offers, clones of one input and a call for each; the faster one counts.
// Prints the median of the wall times and the mean of the CPU times, in milliseconds.
const fs = require("node:fs");
const sharp = require("sharp");

sharp.cache(false);
sharp.concurrency(1);

const open = (data) => sharp(data, { limitInputPixels: false });

const thumbnail = (input, size) =>
  input.resize(size, size, { fit: "inside", withoutEnlargement: true }).jpeg({ quality: 80 }).toBuffer();

async function separate(data, sizes) {
  for (const size of sizes) await thumbnail(open(data), size);
}

async function clones(data, sizes) {
  const input = open(data);
  for (const size of sizes) await thumbnail(input.clone(), size);
}

async function measured(way, data, sizes, times) {
  await way(data, sizes); // warms up
  const took = [];
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    await way(data, sizes);
    took.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(before);
  took.sort((a, b) => a - b);
  const middle = times >> 1;
  const median = times % 2 ? took[middle] : (took[middle - 1] + took[middle]) / 2;
  return { median, cpu: (user + system) / 1000 / times };
}

async function main() {
  const [path, sizes, times] = [process.argv[2], process.argv[3].split(",").map(Number), Number(process.argv[4])];
  const data = fs.readFileSync(path);
  const ways = sizes.length > 1 ? [separate, clones] : [separate];
  const results = [];
  for (const way of ways) results.push(await measured(way, data, sizes, times));
  const best = results.sort((a, b) => a.cpu - b.cpu)[0];
  console.log(best.median, best.cpu);
}

main();
