// Sets prints of any proportions in rows that are full and, each in itself, equally high.

/** Sets the widths of a sheet's prints. Each row gets as many as bring its height closest to the one wished for. */
function layOut(sheet) {
  const style = getComputedStyle(sheet);
  const [wished, gap, border] = ["--row", "--gap", "--border"].map((name) => parseFloat(style.getPropertyValue(name)));
  const width = sheet.clientWidth;
  if (!width) return;

  // What a row of these proportions comes to when it fills the sheet.
  const heightOf = (row) => (width - gap * (row.length - 1) - 2 * border * row.length) / row.reduce((sum, { ratio }) => sum + ratio, 0);
  const distance = (row) => Math.abs(Math.log(Math.max(1, heightOf(row)) / wished));
  const close = (row, height) => {
    for (const { print, ratio } of row) print.style.width = `${(ratio * height + 2 * border).toFixed(2)}px`;
  };

  let row = [];
  for (const print of sheet.children) {
    const next = { print, ratio: parseFloat(print.style.getPropertyValue("--ratio")) };
    if (row.length && heightOf(row) < wished * 1.6 && distance([...row, next]) > distance(row)) {
      // A hair less than full, so that rounding never pushes the last print down.
      close(row, heightOf(row) - 0.05);
      row = [];
    }
    row.push(next);
  }
  // The last row is full only if it nearly is by itself.
  if (row.length) close(row, Math.min(heightOf(row) - 0.05, wished * 1.15));
}

/** Keeps a sheet laid out as its width changes; returns what to call when its prints have changed. */
export function keepInRows(sheet) {
  let width = 0;
  new ResizeObserver(() => {
    if (sheet.clientWidth === width) return;
    width = sheet.clientWidth;
    layOut(sheet);
  }).observe(sheet);
  return () => layOut(sheet);
}
