// Asks the server that the page came from, and no other.

const KEY = "bicross-key";

export class ServerError extends Error {
  constructor(status, { type = "error", message = "the server cannot be reached", param = null } = {}, wait = null) {
    super(message);
    Object.assign(this, { status, type, param, wait });
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

export async function ask(path, { body = null, signal = null } = {}) {
  const headers = {};
  if (hasKey()) headers.Authorization = `Bearer ${sessionStorage.getItem(KEY)}`;
  if (body !== null) headers["Content-Type"] = "application/json";
  const request = { method: body === null ? "GET" : "POST", headers, signal };
  if (body !== null) request.body = JSON.stringify(body);
  let answer;
  let record;
  try {
    answer = await fetch(path, request);
    record = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(answer?.status ?? 0);
  }
  if (!answer.ok) throw new ServerError(answer.status, record.error, Number(answer.headers.get("Retry-After")) || null);
  return record;
}

export const documentPath = (id, index) =>
  `v1/documents/${encodeURIComponent(id)}?index=${encodeURIComponent(index)}`;

export function paused(seconds) {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
