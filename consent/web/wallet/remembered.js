/**
 * Which passphrase slots are this browser's: their random ids, and nothing secret. A key that waits to take another's
 * place has a slot of its own, so there may be several. A browser that keeps nothing forgets them, and the recovery code
 * is then the way in.
 */

const NAME = "consentry.slot";
const MOST = 4;

/** @returns {string[]} each of 64 hex digits, the newest first */
export function rememberedSlots() {
  try {
    const ids = (localStorage.getItem(NAME) ?? "").split(" ");
    return ids.filter((id) => /^[0-9a-f]{64}$/.test(id));
  } catch {
    return [];
  }
}

/**
 * Remember a slot beside those from before: which of them is in force only the server knows.
 * @param {string} id
 */
export function rememberSlot(id) {
  try {
    localStorage.setItem(NAME, [id, ...rememberedSlots()].slice(0, MOST).join(" "));
  } catch {
    // Storage is off or full: signing in with the recovery code still works.
  }
}
