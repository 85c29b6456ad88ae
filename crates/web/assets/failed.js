// What could not be developed: the dead letters, and what waits for another try.

import * as api from "./api.js";
import * as format from "./format.js";
import { keepList, onPress } from "./keyed.js";

const byId = (id) => document.getElementById(id);
const template = byId("job-template");

let lookAgain = () => {};

const change = (path, request) => async () => {
  await api.change(path, request);
  lookAgain();
};

function prepare(row, id) {
  onPress(row.querySelector(".retry"), change("jobs/retry", { ids: [id] }));
  onPress(row.querySelector(".discard"), change("jobs/discard", { ids: [id] }), "Really?");
}

function fill(row, job) {
  row.querySelector(".name").textContent = job.key;
  row.querySelector(".name").title = `bucket ${job.bucket}`;
  const reason = job.reason ?? "It failed";
  const error = format.reason(job, job.error) ?? "";
  // What begins with the same words is said once.
  const repeats = error.toLowerCase().startsWith(reason.toLowerCase());
  row.querySelector(".reason").textContent = repeats ? reason + error.slice(reason.length) : reason;
  row.querySelector(".error").textContent = repeats ? "" : error;
  row.querySelector(".advice").textContent = job.state === "dead" ? (job.advice ?? "") : "";
  const when = job.due_at && (job.state === "waiting" ? `next try ${format.clock(job.due_at)}` : format.time(job.due_at));
  const facts = [`rule ${job.rule}`, format.plural(job.attempt, "attempt", "attempts"), when];
  row.querySelector(".facts-line").textContent = facts.filter(Boolean).join(" · ");
  row.querySelector(".retry").setAttribute("aria-label", `Retry ${job.key}`);
  row.querySelector(".discard").setAttribute("aria-label", `Discard ${job.key}`);
}

const showDead = keepList(byId("dead"), template, prepare, fill);
const showWaiting = keepList(byId("waiting"), template, prepare, fill);

/** Wires the buttons; `look` is called after a change. */
export function configure(look) {
  lookAgain = look;
  onPress(byId("retry-all"), change("jobs/retry", { all: true }));
  onPress(byId("discard-all"), change("jobs/discard", { all: true }), "Forget all of them?");
}

/** Shows the jobs; `counts` says how many there are in truth. */
export function show(dead, waiting, counts) {
  showDead(dead);
  showWaiting(waiting);
  byId("waiting-title").hidden = waiting.length === 0;
  byId("failed-all").hidden = counts.dead === 0;
  byId("failed-empty").hidden = counts.dead + waiting.length > 0;
  const more = counts.dead - dead.length;
  byId("failed-note").textContent = counts.dead
    ? `${format.plural(counts.dead, "dead letter", "dead letters")}, kept for 14 days${more > 0 && dead.length ? `; the first ${dead.length} are shown` : ""}`
    : "";
  const pill = byId("failed-count");
  pill.hidden = counts.dead === 0;
  pill.textContent = `${format.count(counts.dead)} failed`;
}
