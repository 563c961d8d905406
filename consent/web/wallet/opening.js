/**
 * The ways in, as a page asks for them: a typed recovery code, a typed passphrase, a touched passkey.
 */

import { wipe } from "./bytes.js";
import { MistakeError } from "./page.js";
import { unlocked } from "./passkey.js";
import { secretOf } from "./recovery_code.js";
import { RefusedError, post } from "./requests.js";
import { WrongKeyError, opened, passkeySlotId, recoverySlotId } from "./slots.js";

const NOT_FOUND = 404;

/**
 * @typedef {import("./slots.js").Slot} Slot
 * @typedef {(id: string) => Promise<{slot: Slot, enrolment: string}>} Finding where a slot is found by its id
 */

/**
 * Ask the server for a slot.
 * @type {Finding}
 */
export async function foundByServer(id) {
  return post("/slots/find", { id });
}

/**
 * @param {string} typed
 * @param {Finding} find
 * @returns {Promise<Uint8Array>} the seed
 */
export async function openedByCode(typed, find) {
  const secret = secretOf(typed);
  if (!secret) throw new MistakeError("code-mistyped");
  const { slot, enrolment } = await found(find, [recoverySlotId(secret)], "code-unknown");
  const seed = await rightly(opened(slot, secret, enrolment), "code-unknown");
  wipe(secret);
  return seed;
}

/**
 * @param {string} passphrase
 * @param {string[]} ids of slots: the first that is found is opened
 * @param {Finding} find
 * @returns {Promise<Uint8Array>} the seed
 */
export async function openedByPassphrase(passphrase, ids, find) {
  if (!passphrase) throw new MistakeError("passphrase-empty");
  const { slot, enrolment } = await found(find, ids, "passphrase-unknown");
  return rightly(opened(slot, passphrase, enrolment), "passphrase-wrong");
}

/**
 * @param {object} options PublicKeyCredentialRequestOptions as JSON
 * @param {Finding} find
 * @returns {Promise<Uint8Array>} the seed
 */
export async function openedByTouch(options, find) {
  const { id, prf } = await unlocked(options);
  if (!prf) throw new MistakeError("key-cannot-open");
  const { slot, enrolment } = await found(find, [passkeySlotId(id)], "key-cannot-open");
  const seed = await rightly(opened(slot, prf, enrolment), "key-cannot-open");
  wipe(prf);
  return seed;
}

/** Try one slot after the other: of several that a browser remembers the server has few, or none. */
async function found(find, ids, name) {
  for (const id of ids) {
    try {
      return await find(id);
    } catch (error) {
      if (!isUnknown(error)) throw error;
    }
  }
  throw new MistakeError(name);
}

function isUnknown(error) {
  return error instanceof RefusedError && error.status === NOT_FOUND;
}

async function rightly(opening, name) {
  try {
    return await opening;
  } catch (error) {
    throw error instanceof WrongKeyError ? new MistakeError(name) : error;
  }
}
