/**
 * EIP-712 typed data, as `consent/domain/typed_data.py`, `details.py`, `grant.py`, `sign_in.py` and
 * `subject_request.py` have it. Every function that ends in Digest returns the 32 bytes that are signed.
 *
 *     digest     = keccak256(0x19 0x01 || domainSeparator || hashStruct(message))
 *     hashStruct = keccak256(keccak256(encodeType) || encodeData)
 *
 * @typedef {{chainId: number, contract: Uint8Array}} SigningDomain one chain, and one registry contract on it
 * @typedef {{who: string, what: string, why: string, until: string, terms: Uint8Array, salt: Uint8Array}} Details
 */

import { keccak_256 } from "@noble/hashes/sha3.js";
import { fromHex, fromNumber, joined, utf8 } from "./bytes.js";

export const DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const DETAILS_TYPE = "Details(string who,string what,string why,string until,bytes32 terms,bytes32 salt)";
export const GRANT_TYPE = `Grant(Details details,address patient,uint64 expires,uint64 publish_by)${DETAILS_TYPE}`;
const REVOCATION_TYPE = "Revocation(bytes32 commitment,address patient)";
export const CERTIFICATE_TYPE = "AddressCertificate(string subject,address patient)";
export const SIGN_IN_TYPE = "SignIn(string origin,bytes32 challenge)";
export const REQUEST_TYPE = "SubjectRequest(string action,string subject,string origin,uint64 requested,bytes16 nonce)";
export const NAME = "Consentry";
export const VERSION = "1";
const WORD_BYTES = 32;

/**
 * All that a ledger learns of the details.
 * @param {Details} details
 * @returns {Uint8Array} the EIP-712 struct hash
 */
export function commitmentOf({ who, what, why, until, terms, salt }) {
  return hashStruct(DETAILS_TYPE, ...[who, what, why, until].map(hashText), bytes32(terms), bytes32(salt));
}

/**
 * @param {SigningDomain} domain
 * @param {Details} details
 * @param {Uint8Array} patient the address of this consent
 * @param {number} expires Unix seconds
 * @param {number} publishBy Unix seconds
 */
export function grantDigest(domain, details, patient, expires, publishBy) {
  const words = [commitmentOf(details), address(patient), uint(expires), uint(publishBy)];
  return digest(domain, hashStruct(GRANT_TYPE, ...words));
}

/**
 * @param {SigningDomain} domain
 * @param {Uint8Array} commitment
 * @param {Uint8Array} patient
 */
export function revocationDigest(domain, commitment, patient) {
  return digest(domain, hashStruct(REVOCATION_TYPE, bytes32(commitment), address(patient)));
}

/**
 * @param {SigningDomain} domain
 * @param {string} subject
 * @param {Uint8Array} patient
 */
export function certificateDigest(domain, subject, patient) {
  return digest(domain, hashStruct(CERTIFICATE_TYPE, hashText(subject), address(patient)));
}

/**
 * @param {SigningDomain} domain
 * @param {string} origin the name of the installation's log
 * @param {Uint8Array} challenge 32 bytes
 */
export function signInDigest(domain, origin, challenge) {
  return digest(domain, hashStruct(SIGN_IN_TYPE, hashText(origin), bytes32(challenge)));
}

/**
 * @param {SigningDomain} domain
 * @param {{action: string, subject: string, origin: string, requested: number, nonce: string}} request nonce: 32 hex digits
 */
export function requestDigest(domain, { action, subject, origin, requested, nonce }) {
  const words = [hashText(action), hashText(subject), hashText(origin), uint(requested), bytes16(fromHex(nonce))];
  return digest(domain, hashStruct(REQUEST_TYPE, ...words));
}

function digest(domain, structHash) {
  const place = [hashText(NAME), hashText(VERSION), uint(domain.chainId), address(domain.contract)];
  return keccak_256(joined(Uint8Array.of(0x19, 0x01), hashStruct(DOMAIN_TYPE, ...place), structHash));
}

function hashStruct(type, ...words) {
  return keccak_256(joined(hashText(type), ...words));
}

/**
 * Half a surrogate pair would be signed as another character than the one that was shown, so it is refused.
 * @param {string} text
 */
function hashText(text) {
  if (/\p{Surrogate}/u.test(text)) throw new Error("this text is not well-formed");
  return keccak_256(utf8(text));
}

function uint(number) {
  if (!Number.isSafeInteger(number) || number < 0) throw new Error("this is no whole number");
  return fromNumber(BigInt(number), WORD_BYTES);
}

function address(bytes) {
  return joined(new Uint8Array(WORD_BYTES - 20), exactly(bytes, 20));
}

/** Bytes of a fixed length below 32 stand at the left of their word. */
function bytes16(bytes) {
  return joined(exactly(bytes, 16), new Uint8Array(WORD_BYTES - 16));
}

function bytes32(bytes) {
  return exactly(bytes, WORD_BYTES);
}

function exactly(bytes, length) {
  if (bytes.length !== length) throw new Error(`${length} bytes are needed here`);
  return bytes;
}
