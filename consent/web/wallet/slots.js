/**
 * A slot is the seed, encrypted; each way in has one. The server keeps slots and can open none.
 *
 *     KEK        = HKDF-SHA256(what the way in gives, salt, "consentry/slot/<kind>/v1", 32)
 *     ciphertext = AES-256-GCM(KEK, nonce, seed, AAD "consentry/slot/v1|<kind>|<enrolment address in hex>")
 *
 * What the way in gives: a passkey its PRF output, the recovery code its 16 bytes, a passphrase its argon2id (RFC 9106)
 * with the slot's salt.
 *
 * @typedef {{memory: number, passes: number, lanes: number}} Cost memory in KiB
 * @typedef {{kind: "passkey" | "passphrase" | "recovery", id: string, salt: string, nonce: string, ciphertext: string,
 *   parameters: Cost | {}}} Slot all text in lower-case hex
 */

import { argon2idAsync } from "@noble/hashes/argon2.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { drawn, fromHex, toHex, utf8, wipe } from "./bytes.js";
import { addressOf, enrolmentKey } from "./derive.js";
import { recoveryId } from "./recovery_code.js";

/** OWASP's least for argon2id: an old phone has to bear it. */
export const COST = Object.freeze({ memory: 19456, passes: 2, lanes: 1 });
const SALT_BYTES = 32;
const NONCE_BYTES = 12;

/** The slot does not open: a wrong passphrase or code, another passkey, or bytes that were changed. */
export class WrongKeyError extends Error {
  sentence = "wrong-key";
}

/** The slot opens, and holds the seed of another person or of an earlier time. */
export class OtherSeedError extends Error {
  sentence = "other-person";
}

/**
 * @param {Uint8Array} credentialId a passkey's rawId
 * @returns {string} the id of its slot
 */
export function passkeySlotId(credentialId) {
  return toHex(sha256(credentialId));
}

/**
 * @param {Uint8Array} secret a recovery code's 16 bytes
 * @returns {string} the id of its slot
 */
export function recoverySlotId(secret) {
  return toHex(recoveryId(secret));
}

/**
 * @param {Uint8Array} seed
 * @param {Uint8Array} credentialId
 * @param {Uint8Array} prf 32 bytes
 * @returns {Promise<Slot>}
 */
export function sealedForPasskey(seed, credentialId, prf) {
  return sealed("passkey", passkeySlotId(credentialId), seed, async () => prf.slice());
}

/**
 * @param {Uint8Array} seed
 * @param {string} passphrase
 * @returns {Promise<Slot>}
 */
export function sealedForPassphrase(seed, passphrase) {
  return sealed("passphrase", toHex(drawn(32)), seed, (salt) => stretched(passphrase, salt), COST);
}

/**
 * @param {Uint8Array} seed
 * @param {Uint8Array} secret the recovery code's 16 bytes
 * @returns {Promise<Slot>}
 */
export function sealedForRecovery(seed, secret) {
  return sealed("recovery", recoverySlotId(secret), seed, async () => secret.slice());
}

/**
 * Open a slot and make sure that it holds the seed of this enrolment.
 * @param {Slot} slot
 * @param {Uint8Array | string} key the PRF output, the recovery code's bytes, or the passphrase
 * @param {string} enrolment the address that is expected, 40 lower-case hex digits
 * @returns {Promise<Uint8Array>} the seed; `wipe` it after use
 * @throws {WrongKeyError | OtherSeedError}
 */
export async function opened(slot, key, enrolment) {
  const salt = fromHex(slot.salt);
  const given = slot.kind === "passphrase" ? await stretchedAsSealed(slot, String(key), salt) : Uint8Array.from(key);
  const seed = await decrypted(slot, given, salt, enrolment);
  if (enrolmentOf(seed) === enrolment) return seed;
  wipe(seed);
  throw new OtherSeedError("this is the key of another person");
}

/**
 * @param {Uint8Array} seed
 * @returns {string} the enrolment address, 40 lower-case hex digits
 */
export function enrolmentOf(seed) {
  const key = enrolmentKey(seed);
  const address = toHex(addressOf(key));
  wipe(key);
  return address;
}

async function sealed(kind, id, seed, given, parameters = {}) {
  const [salt, nonce] = [drawn(SALT_BYTES), drawn(NONCE_BYTES)];
  const kek = await keyFor(kind, await given(salt), salt);
  const bytes = await crypto.subtle.encrypt(cipher(kind, nonce, enrolmentOf(seed)), kek, seed);
  const ciphertext = toHex(new Uint8Array(bytes));
  return { kind, id, salt: toHex(salt), nonce: toHex(nonce), ciphertext, parameters };
}

async function decrypted(slot, given, salt, enrolment) {
  const kek = await keyFor(slot.kind, given, salt);
  const settings = cipher(slot.kind, fromHex(slot.nonce), enrolment);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(settings, kek, fromHex(slot.ciphertext)));
  } catch {
    throw new WrongKeyError("the slot does not open with this");
  }
}

/** Derive the key of one slot; what it is derived from is overwritten. */
async function keyFor(kind, given, salt) {
  const bytes = hkdf(sha256, given, salt, utf8(`consentry/slot/${kind}/v1`), 32);
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  wipe(given, bytes);
  return key;
}

function cipher(kind, iv, enrolment) {
  return { name: "AES-GCM", iv, additionalData: utf8(`consentry/slot/v1|${kind}|${enrolment}`) };
}

/** Whoever stores the slot must not choose what this device computes: only the published cost is taken. */
function stretchedAsSealed(slot, passphrase, salt) {
  const published = Object.entries(COST).every(([name, value]) => slot.parameters[name] === value);
  if (!published) throw new WrongKeyError("the slot asks for another cost than was published");
  return stretched(passphrase, salt);
}

async function stretched(passphrase, salt) {
  const bytes = utf8(passphrase.normalize("NFKC"));
  const result = await argon2idAsync(bytes, salt, { m: COST.memory, t: COST.passes, p: COST.lanes, dkLen: 32 });
  wipe(bytes);
  return result;
}
