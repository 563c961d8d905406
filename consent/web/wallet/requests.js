/**
 * Requests to this origin, as JSON with the page's CSRF token. What goes wrong becomes a `RefusedError` whose message is
 * one plain sentence to show: the server's own `detail` (RFC 9457), or the page's where there is none.
 */

import { SpokenError, sentence } from "./page.js";

/** The server said no, or did not answer; `status` is 0 where it did not. */
export class RefusedError extends SpokenError {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 * @throws {RefusedError}
 */
export function get(path) {
  return asked(path, { headers: { Accept: "application/json" } });
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 * @throws {RefusedError}
 */
export function post(path, body) {
  const token = document.querySelector('meta[name="csrf"]').content;
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": token };
  return asked(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, { ...options, credentials: "same-origin", cache: "no-store", redirect: "error" });
  } catch {
    throw new RefusedError(sentence("offline"), 0);
  }
  const content = await answer.json().catch(() => null);
  if (!answer.ok || content === null) throw new RefusedError(content?.detail ?? sentence("failed"), answer.status);
  return content;
}
