// What was told to whom.

import * as api from "./api.js";
import * as format from "./format.js";
import { keepList, onPress } from "./keyed.js";

const byId = (id) => document.getElementById(id);

const EVENTS = { "image.processed": "developed", "image.failed": "failed", "image.removed": "removed" };
const STATES = { waiting: "waiting", delivered: "told", dead: "given up" };

let lookAgain = () => {};

function prepare(row, id) {
  onPress(row.querySelector(".again"), async () => {
    await api.change("notifications/redeliver", { ids: [id] });
    lookAgain();
  });
}

function fill(row, told) {
  row.dataset.state = told.state;
  row.querySelector(".name").textContent = told.key;
  row.querySelector(".name").title = `bucket ${told.bucket}`;
  row.querySelector(".event").textContent = EVENTS[told.event] ?? told.event.replace(/^s3:/, "");
  row.querySelector(".badge").textContent = STATES[told.state] ?? told.state;
  row.querySelector(".badge").dataset.state = told.state;
  const last = told.last_attempt;
  row.querySelector(".error").textContent = last && told.state !== "delivered" ? [last.status, last.detail].filter(Boolean).join(" ") : "";
  const when = told.state === "waiting" && told.attempt ? `next try ${format.clock(told.due_at)}` : format.time(told.due_at);
  const facts = [`to ${told.target.label}`, told.attempt > 1 && format.plural(told.attempt, "attempt", "attempts"), when];
  row.querySelector(".facts-line").textContent = facts.filter(Boolean).join(" · ");
  row.querySelector(".again").setAttribute("aria-label", `Tell again: ${told.key} ${EVENTS[told.event] ?? told.event}`);
}

const showList = keepList(byId("deliveries"), byId("delivery-template"), prepare, fill);

/** `look` is called after a change. */
export function configure(look) {
  lookAgain = look;
}

export function show(deliveries) {
  showList(deliveries);
  byId("deliveries-empty").hidden = deliveries.length > 0;
}
