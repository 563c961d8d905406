/**
 * What there is to sign, in both forms: the digest, which a key of ours signs, and the whole typed data as JSON, which
 * an app shows and hashes by itself (`eth_signTypedData_v4`, EIP-712). An app's signature is checked against the digest.
 *
 * @typedef {{digest: Uint8Array, json: string}} Message
 * @typedef {import("./typed_data.js").SigningDomain} SigningDomain
 */

import { toHex } from "./bytes.js";
import {
  CERTIFICATE_TYPE,
  DOMAIN_TYPE,
  GRANT_TYPE,
  NAME,
  REQUEST_TYPE,
  SIGN_IN_TYPE,
  VERSION,
  certificateDigest,
  grantDigest,
  requestDigest,
  signInDigest,
} from "./typed_data.js";

/**
 * @param {SigningDomain} domain
 * @param {import("./typed_data.js").Details} details
 * @param {Uint8Array} patient the address of this consent
 * @param {number} expires Unix seconds
 * @param {number} publishBy Unix seconds
 * @returns {Message}
 */
export function grantMessage(domain, details, patient, expires, publishBy) {
  const { who, what, why, until, terms, salt } = details;
  const shown = { who, what, why, until, terms: hex(terms), salt: hex(salt) };
  const grant = { details: shown, patient: hex(patient), expires, publish_by: publishBy };
  return message(domain, GRANT_TYPE, grant, grantDigest(domain, details, patient, expires, publishBy));
}

/**
 * @param {SigningDomain} domain
 * @param {string} subject
 * @param {Uint8Array} patient
 * @returns {Message}
 */
export function certificateMessage(domain, subject, patient) {
  const certificate = { subject, patient: hex(patient) };
  return message(domain, CERTIFICATE_TYPE, certificate, certificateDigest(domain, subject, patient));
}

/**
 * @param {SigningDomain} domain
 * @param {string} origin the name of the installation's log
 * @param {Uint8Array} challenge 32 bytes
 * @returns {Message}
 */
export function signInMessage(domain, origin, challenge) {
  return message(domain, SIGN_IN_TYPE, { origin, challenge: hex(challenge) }, signInDigest(domain, origin, challenge));
}

/**
 * @param {SigningDomain} domain
 * @param {{action: string, subject: string, origin: string, requested: number, nonce: string}} request as its JSON has it
 * @returns {Message}
 */
export function requestMessage(domain, request) {
  const { action, subject, origin, requested, nonce } = request;
  const shown = { action, subject, origin, requested, nonce: `0x${nonce}` };
  return message(domain, REQUEST_TYPE, shown, requestDigest(domain, request));
}

function message({ chainId, contract }, type, content, digest) {
  const domain = { name: NAME, version: VERSION, chainId, verifyingContract: hex(contract) };
  const primaryType = type.slice(0, type.indexOf("("));
  return { digest, json: JSON.stringify({ types: typesOf(DOMAIN_TYPE + type), primaryType, domain, message: content }) };
}

/** The members of each struct, read from the very text that is hashed. */
function typesOf(text) {
  const structs = Array.from(text.matchAll(/(\w+)\(([^)]*)\)/g), ([, name, members]) => [name, members.split(",").map(member)]);
  return Object.fromEntries(structs);
}

function member(text) {
  const [type, name] = text.split(" ");
  return { name, type };
}

function hex(bytes) {
  return `0x${toHex(bytes)}`;
}
