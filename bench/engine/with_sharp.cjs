// sharp: thumbnails, file bytes → JPEG bytes. How it is called: bench/turns.py, whose twin this is. Several sizes can be made in both
// of the ways that sharp offers, clones of one input and a call for each: with N, the one that took less CPU counts; jobs that come
// by line are made by a call for each, or by clones if the program's argument is `clones`.
const fs = require("node:fs");
const readline = require("node:readline");
const sharp = require("sharp");

sharp.cache(false);
sharp.concurrency(1);

const open = (data) => sharp(data, { limitInputPixels: false });

const thumbnail = (input, size, quality) =>
  input.resize(size, size, { fit: "inside", withoutEnlargement: true }).jpeg({ quality }).toBuffer();

async function separate(data, sizes, quality) {
  const made = [];
  for (const size of sizes) made.push(await thumbnail(open(data), size, quality));
  return made;
}

async function clones(data, sizes, quality) {
  const input = open(data);
  const made = [];
  for (const size of sizes) made.push(await thumbnail(input.clone(), size, quality));
  return made;
}

async function measured(way, data, sizes, quality) {
  const before = process.cpuUsage();
  const start = performance.now();
  const made = await way(data, sizes, quality);
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { made, wall, cpu: (user + system) / 1000 };
}

const numbers = (text) => text.split(",").filter(Boolean).map(Number);

async function repeat(path, sizes, times) {
  const data = fs.readFileSync(path);
  const results = [];
  for (const way of sizes.length > 1 ? [separate, clones] : [separate]) {
    await way(data, sizes, 80); // warms up
    const runs = [];
    for (let i = 0; i < times; i++) runs.push(await measured(way, data, sizes, 80));
    const walls = runs.map((run) => run.wall).sort((a, b) => a - b);
    const median = (walls[(times - 1) >> 1] + walls[times >> 1]) / 2;
    results.push({ median, cpu: runs.reduce((sum, run) => sum + run.cpu, 0) / times });
  }
  const best = results.sort((a, b) => a.cpu - b.cpu)[0];
  console.log(best.median, best.cpu);
}

async function serve(way) {
  let path;
  let data;
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      const [file, sizes, quality, out] = line.split("\t");
      if (file !== path) [path, data] = [file, fs.readFileSync(file)];
      const run = sizes ? await measured(way, data, numbers(sizes), Number(quality)) : { made: [], wall: 0, cpu: 0 };
      if (out) run.made.forEach((picture, index) => fs.writeFileSync(`${out}.${index}`, picture));
      console.log(`${run.wall.toFixed(3)} ${run.cpu.toFixed(3)} ${run.made.map((picture) => picture.length).join()}`);
    } catch (error) {
      console.log(`error ${error.message}`.replaceAll("\n", " "));
    }
  }
}

const [first, sizes, times] = process.argv.slice(2);
if (sizes) repeat(first, numbers(sizes), Number(times));
else serve(first === "clones" ? clones : separate);
