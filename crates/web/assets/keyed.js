// A list on the page that is kept in step with a list of things, by their numbers, and buttons that do something.

/** Returns what shows `items` in `list`: rows stay for things that stay, so that focus and selection do, too. `prepare` readies
 *  a new row, `fill` writes a thing into it. */
export function keepList(list, template, prepare, fill) {
  const rows = new Map();
  return (items) => {
    const wanted = new Set(items.map((item) => item.id));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.remove();
      rows.delete(id);
    }
    let before = null;
    for (const item of items) {
      let row = rows.get(item.id);
      if (!row) {
        row = template.content.firstElementChild.cloneNode(true);
        row.dataset.id = item.id;
        rows.set(item.id, row);
        prepare(row, item.id);
      }
      const written = JSON.stringify(item);
      if (row.dataset.written !== written) {
        row.dataset.written = written;
        fill(row, item);
      }
      const expected = before ? before.nextElementSibling : list.firstElementChild;
      if (expected !== row) list.insertBefore(row, expected);
      before = row;
    }
    list.hidden = items.length === 0;
  };
}

/** Time to think again after a first press. */
const SURE_MS = 4000;

/** Runs `action` when `button` is pressed, and shows on it when that failed. With `question`, it has to be pressed twice. */
export function onPress(button, action, question) {
  const label = button.textContent;
  let timer;
  const rest = () => {
    clearTimeout(timer);
    delete button.dataset.asking;
    button.textContent = label;
  };
  button.addEventListener("click", async () => {
    if (question && !button.dataset.asking) {
      button.dataset.asking = "1";
      button.textContent = question;
      timer = setTimeout(rest, SURE_MS);
      return;
    }
    rest();
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      button.textContent = "Failed";
      button.title = error.message;
      timer = setTimeout(rest, SURE_MS);
    } finally {
      button.disabled = false;
    }
  });
}
