/**
 * Which passphrase slot is this browser's: its random id, and nothing secret. A browser that keeps nothing forgets it,
 * and the recovery code is then the way in.
 */

const NAME = "consentry.slot";

/** @returns {string | null} 64 hex digits */
export function rememberedSlot() {
  try {
    const id = localStorage.getItem(NAME);
    return /^[0-9a-f]{64}$/.test(id) ? id : null;
  } catch {
    return null;
  }
}

/** @param {string} id */
export function rememberSlot(id) {
  try {
    localStorage.setItem(NAME, id);
  } catch {
    // Storage is off or full: signing in with the recovery code still works.
  }
}
