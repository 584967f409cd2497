// The key of the server, where it has one. It is kept for this tab alone.

import { byId } from "./elements.js";
import { forgetKey, hasKey, keepKey } from "./server.js";

let waiting = [];

// Asks for a key, and ends when one was given. Several that ask at once get the same.
export function askForKey() {
  const dialog = byId("key-dialog");
  if (!dialog.open) {
    byId("key-error").textContent = hasKey() ? "This key is not the right one." : "";
    byId("key-error").hidden = !hasKey();
    dialog.showModal();
  }
  return new Promise((resolve) => waiting.push(resolve));
}

export function forget() {
  forgetKey();
  location.reload();
}

byId("key-dialog").addEventListener("cancel", (event) => event.preventDefault());

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = byId("key").value.trim();
  if (!/^[\x20-\x7e]+$/.test(key)) return;
  keepKey(key);
  byId("key").value = "";
  byId("forget-key").hidden = false;
  byId("key-dialog").close();
  for (const resolve of waiting) resolve();
  waiting = [];
});

byId("forget-key").hidden = !hasKey();
