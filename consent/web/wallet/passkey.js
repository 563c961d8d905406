/**
 * Passkeys (WebAuthn, level 3), and the secret that their PRF extension gives this origin alone.
 *
 * A credential's own `toJSON()` holds the PRF's output, and so would open the slot for whoever gets it. What is sent is
 * therefore put together here, field by field, without any client extension results.
 *
 * @typedef {{credential: object, id: Uint8Array, prf: Uint8Array | null}} Touched
 *   `credential` is what the server gets, `id` the passkey's rawId, `prf` 32 bytes that stay here, null where none came
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { drawn, fromBase64url, toBase64url, utf8 } from "./bytes.js";

const PRF_INPUT = sha256(utf8("consentry/wallet-prf/v1"));

/** @returns {boolean} whether this browser knows passkeys at all */
export function isOffered() {
  return typeof globalThis.PublicKeyCredential === "function" && Boolean(navigator.credentials);
}

/** @returns {Promise<boolean>} whether this device can keep one by itself */
export async function isBuiltIn() {
  return isOffered() && PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().catch(() => false);
}

/**
 * Make a passkey. Some authenticators tell at creation only that they know PRF; then the new one is used once, here.
 * @param {object} options PublicKeyCredentialCreationOptions as JSON
 * @returns {Promise<Touched>}
 */
export async function created(options) {
  const publicKey = {
    ...options,
    challenge: fromBase64url(options.challenge),
    user: { ...options.user, id: fromBase64url(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(withBytes),
    extensions: { ...options.extensions, prf: { eval: { first: PRF_INPUT } } },
  };
  const made = await navigator.credentials.create({ publicKey });
  const [id, known] = [new Uint8Array(made.rawId), made.getClientExtensionResults().prf];
  const prf = known?.results?.first ? new Uint8Array(known.results.first) : null;
  return { credential: registration(made), id, prf: prf ?? (known?.enabled ? await prfOf(id, options) : null) };
}

/**
 * Use a passkey to sign in. PRF is not asked for: it is not needed.
 * @param {object} options PublicKeyCredentialRequestOptions as JSON
 * @returns {Promise<object>} what the server gets
 */
export async function signedIn(options) {
  return assertion(await navigator.credentials.get({ publicKey: request(options) }));
}

/**
 * Use a passkey to open a slot: all that comes of it stays here.
 * @param {object} options PublicKeyCredentialRequestOptions as JSON
 * @returns {Promise<{id: Uint8Array, prf: Uint8Array | null}>}
 */
export async function unlocked(options) {
  const extensions = { ...options.extensions, prf: { eval: { first: PRF_INPUT } } };
  const used = await navigator.credentials.get({ publicKey: { ...request(options), extensions } });
  const first = used.getClientExtensionResults().prf?.results?.first;
  return { id: new Uint8Array(used.rawId), prf: first ? new Uint8Array(first) : null };
}

async function prfOf(id, options) {
  const { rp, timeout, authenticatorSelection } = options;
  const touched = await unlocked({
    challenge: toBase64url(drawn(32)), // nobody checks this assertion: it never leaves the browser
    rpId: rp.id,
    timeout,
    userVerification: authenticatorSelection?.userVerification,
    allowCredentials: [{ type: "public-key", id: toBase64url(id) }],
  });
  return touched.prf;
}

function request(options) {
  const allowCredentials = (options.allowCredentials ?? []).map(withBytes);
  return { ...options, challenge: fromBase64url(options.challenge), allowCredentials };
}

function withBytes(descriptor) {
  return { ...descriptor, id: fromBase64url(descriptor.id) };
}

function registration(made) {
  const { clientDataJSON, attestationObject } = made.response;
  const transports = made.response.getTransports?.() ?? [];
  const bytes = { clientDataJSON: toBase64url(clientDataJSON), attestationObject: toBase64url(attestationObject) };
  return { ...named(made), response: { ...bytes, transports } };
}

function assertion(used) {
  const { clientDataJSON, authenticatorData, signature, userHandle } = used.response;
  const response = { clientDataJSON, authenticatorData, signature, userHandle };
  const present = Object.entries(response).filter(([, bytes]) => bytes);
  return { ...named(used), response: Object.fromEntries(present.map(([name, bytes]) => [name, toBase64url(bytes)])) };
}

function named({ rawId, type, authenticatorAttachment }) {
  const id = toBase64url(rawId);
  return { id, rawId: id, type, authenticatorAttachment };
}
