/**
 * The recovery code: 16 random bytes that a patient can keep on paper.
 *
 *     26 characters   the 16 bytes as one number, big-endian, in Crockford's base32 (two leading zero bits)
 *      2 characters   that number modulo 1021, the largest prime below 2^10
 *
 * in seven groups of four. No single wrong character and no two neighbours in each other's place pass the check.
 */

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { asCrockford, fromCrockford, fromNumber, toCrockford, toNumber, utf8 } from "./bytes.js";

export const SECRET_BYTES = 16;
export const GROUPS = 7;
const GROUP_LENGTH = 4;
const SECRET_CHARACTERS = 26;
const CHECK_CHARACTERS = 2;
const MODULUS = 1021n;

/**
 * @param {Uint8Array} secret 16 bytes
 * @returns {string[]} seven groups of four characters
 */
export function groupsOf(secret) {
  const code = toCrockford(toNumber(secret), SECRET_CHARACTERS) + check(secret);
  return Array.from({ length: GROUPS }, (_, place) => code.slice(place * GROUP_LENGTH, (place + 1) * GROUP_LENGTH));
}

/**
 * Read a code as people type it.
 * @param {string} typed
 * @returns {Uint8Array | null} the 16 bytes, or null where this is no code or holds a mistake
 */
export function secretOf(typed) {
  const code = asCrockford(typed);
  const number = fromCrockford(code.slice(0, SECRET_CHARACTERS));
  if (code.length !== GROUPS * GROUP_LENGTH || number === null || number >> 128n !== 0n) return null;
  const secret = fromNumber(number, SECRET_BYTES);
  return check(secret) === code.slice(SECRET_CHARACTERS) ? secret : null;
}

/**
 * Say whether somebody typed one group of a code rightly.
 * @param {string} typed
 * @param {string} group
 * @returns {boolean}
 */
export function isGroup(typed, group) {
  return asCrockford(typed) === group;
}

/**
 * The name under which the code's slot is found; it tells nothing of the code.
 * @param {Uint8Array} secret 16 bytes
 * @returns {Uint8Array} 32 bytes
 */
export function recoveryId(secret) {
  return hkdf(sha256, secret, undefined, utf8("consentry/recovery-id/v1"), 32);
}

function check(secret) {
  return toCrockford(toNumber(secret) % MODULUS, CHECK_CHARACTERS);
}
