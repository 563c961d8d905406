/**
 * Bytes as text and back: hex and UTF-8 are noble's, base64url and Crockford's base32 are here.
 */

export { bytesToHex as toHex, concatBytes as joined, hexToBytes as fromHex, utf8ToBytes as utf8 } from "@noble/hashes/utils.js";

/** Crockford's base32: no I, L, O or U. https://www.crockford.com/base32.html */
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * Base64url without padding (RFC 4648, section 5).
 * @param {Uint8Array | ArrayBuffer} bytes
 * @returns {string}
 */
export function toBase64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * @param {string} text base64url, without padding
 * @returns {Uint8Array<ArrayBuffer>}
 * @throws {Error} where `text` is something else
 */
export function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("this is not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/**
 * Write a whole number, big-endian, five bits a character.
 * @param {bigint} number
 * @param {number} length characters
 * @returns {string}
 */
export function toCrockford(number, length) {
  let text = "";
  for (let rest = number; text.length < length; rest >>= 5n) text = CROCKFORD[Number(rest & 31n)] + text;
  return text;
}

/**
 * Read what `toCrockford` wrote, as people type it: any case, O for 0, I and L for 1; spaces and hyphens are dropped.
 * @param {string} text
 * @returns {string} the same characters as `toCrockford` writes them, and any other as it is
 */
export function asCrockford(text) {
  return text.toUpperCase().replace(/[\s\u2010-\u2015-]/gu, "").replaceAll("O", "0").replace(/[IL]/g, "1");
}

/**
 * @param {string} text as `asCrockford` returns it
 * @returns {bigint | null} null where a character is none of the 32
 */
export function fromCrockford(text) {
  const digits = Array.from(text, (character) => CROCKFORD.indexOf(character));
  return digits.includes(-1) ? null : digits.reduce((number, digit) => (number << 5n) | BigInt(digit), 0n);
}

/**
 * @param {Uint8Array} bytes
 * @returns {bigint} big-endian
 */
export function toNumber(bytes) {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/**
 * @param {bigint} number below 256 ** length
 * @param {number} length bytes
 * @returns {Uint8Array<ArrayBuffer>} big-endian
 */
export function fromNumber(number, length) {
  const bytes = new Uint8Array(length);
  for (let place = length - 1, rest = number; place >= 0; place -= 1, rest >>= 8n) bytes[place] = Number(rest & 255n);
  return bytes;
}

/**
 * Overwrite secrets once they are of no more use. Copies that the engine made are out of reach.
 * @param {...(Uint8Array | null | undefined)} secrets
 */
export function wipe(...secrets) {
  for (const secret of secrets) secret?.fill(0);
}

/**
 * @param {number} length bytes
 * @returns {Uint8Array<ArrayBuffer>} random ones
 */
export function drawn(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}
