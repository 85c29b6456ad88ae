// Talks to the server.

/** The bucket that the page shows: `?bucket=` of its own address, or the server's default. */
const bucket = new URLSearchParams(location.search).get("bucket");

const withBucket = (path, parameters = {}) => {
  const query = new URLSearchParams(parameters);
  if (bucket) query.set("bucket", bucket);
  return query.size ? `${path}?${query}` : path;
};

/** What the server says went wrong, in its own words where it has any. */
export class ServerError extends Error {
  constructor(status, body) {
    super(body?.error?.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = body?.error?.code;
  }
}

/** A JSON resource that is asked for again and again: only what has changed travels. */
class Resource {
  #path;
  #etag = null;
  value = null;

  constructor(path) {
    this.#path = path;
  }

  set path(path) {
    if (path === this.#path) return;
    this.#path = path;
    this.#etag = null;
  }

  /** Resolves to whether the value has changed. */
  async refresh() {
    const headers = this.#etag ? { "if-none-match": this.#etag } : {};
    const response = await fetch(this.#path, { headers, cache: "no-store" });
    if (response.status === 304) return false;
    const body = await response.json().catch(() => null);
    if (!response.ok) throw new ServerError(response.status, body);
    this.#etag = response.headers.get("etag");
    this.value = body;
    return true;
  }
}

const imagesPath = (limit) => withBucket("api/v1/images", { limit });

export const server = new Resource("api/v1/server");
export const statistics = new Resource(withBucket("infoimages"));
export const queue = new Resource("api/v1/queue");
export const images = new Resource(imagesPath(60));

/** Those who may write see these. */
export const dead = new Resource("api/v1/jobs?state=dead&limit=50");
export const waiting = new Resource("api/v1/jobs?state=waiting&limit=50");
export const deliveries = new Resource("api/v1/notifications?limit=20");

export function setImageLimit(limit) {
  images.path = imagesPath(limit);
}

/** Has something done to jobs or notifications: how many it was done to. */
export async function change(path, request) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`api/v1/${path}`, { method: "POST", headers, body: JSON.stringify(request) });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ServerError(response.status, body);
  return body.count;
}

/** Whether an upload to there would replace something. Asks for a login where uploading needs one. */
export async function isTaken(path) {
  const response = await fetch(withBucket(`api/v1/objects/${path}`), { cache: "no-store" });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ServerError(response.status, body);
  return body.exists;
}

/** Uploads one file. Returns what aborts it and a promise of the server's answer. */
export function upload(path, file, { replace, onProgress }) {
  // fetch cannot tell how much has been sent; this can.
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("PUT", withBucket(`api/v1/objects/${path}`));
    request.setRequestHeader("x-minilab-upload", "1");
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    if (!replace) request.setRequestHeader("if-none-match", "*");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () =>
      request.status < 300 ? resolve(request.response) : reject(new ServerError(request.status, request.response));
    request.onerror = () => reject(new Error("the connection broke off; nothing was stored"));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.send(file);
  });
  return { done, abort: () => request.abort() };
}
