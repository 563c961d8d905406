/**
 * All keys come from one seed of 32 random bytes: HKDF-Expand (RFC 5869, SHA-256), secp256k1.
 *
 *     enrolment key = Expand(seed, "consentry/enrolment/v1", 32)
 *     consent key   = Expand(seed, "consentry/consent-address/v1" || salt, 32)     salt: the consent's own, 32 bytes
 *
 * `consent/demo/wallets.py` derives the same. That such bytes are no key has a probability of 2^-128; noble then throws.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { expand } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { joined, utf8 } from "./bytes.js";

export const SEED_BYTES = 32;
const ENROLMENT = utf8("consentry/enrolment/v1");
const CONSENT_ADDRESS = utf8("consentry/consent-address/v1");
const PARITY_BIT = 0x80;

/**
 * The key that certifies a patient's addresses.
 * @param {Uint8Array} seed
 * @returns {Uint8Array} 32 bytes
 */
export function enrolmentKey(seed) {
  return expand(sha256, seed, ENROLMENT, 32);
}

/**
 * The key of the one consent whose details have this salt.
 * @param {Uint8Array} seed
 * @param {Uint8Array} salt 32 bytes
 * @returns {Uint8Array} 32 bytes
 */
export function consentKey(seed, salt) {
  return expand(sha256, seed, joined(CONSENT_ADDRESS, salt), 32);
}

/**
 * @param {Uint8Array} key
 * @returns {Uint8Array} 20 bytes: the last ones of the Keccak-256 of the public key
 */
export function addressOf(key) {
  return keccak_256(secp256k1.getPublicKey(key, false).subarray(1)).slice(-20);
}

/**
 * Sign a digest, deterministically (RFC 6979).
 * @param {Uint8Array} digest 32 bytes
 * @param {Uint8Array} key
 * @returns {Uint8Array} 64 bytes, EIP-2098: r || s with the y parity in the top bit of s; s is low
 */
export function sign(digest, key) {
  const [parity, ...compact] = secp256k1.sign(digest, key, { prehash: false, lowS: true, format: "recovered" });
  if (parity > 1) throw new Error("this signature has no compact form");
  if (parity === 1) compact[32] |= PARITY_BIT;
  return Uint8Array.from(compact);
}
