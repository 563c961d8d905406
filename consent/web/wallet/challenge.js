/**
 * The sign-in that stands for a person without a passkey: their enrolment key's signature over a fresh challenge.
 */

import { fromHex, toHex } from "./bytes.js";
import { connectedApp } from "./apps.js";
import { signInMessage } from "./messages.js";
import { get } from "./requests.js";
import { domainOf, seedSigner } from "./signer.js";

/**
 * @param {string} path where the server draws the challenge
 * @param {Uint8Array} seed
 * @returns {Promise<string>} the signature over SignIn, 128 hex digits
 */
export async function signedChallenge(path, seed) {
  return seedSigner(seed).byEnrolment(messageOf(await get(path)));
}

/**
 * @param {string} path where the server draws the challenge
 * @returns {Promise<{enrolment: string, signature: string}>} the chosen app's address and its signature, both hex
 */
export async function challengeSignedByApp(path) {
  const said = await get(path);
  const app = await connectedApp(said.chain_id);
  return { enrolment: toHex(app.address), signature: await app.byEnrolment(messageOf(said)) };
}

function messageOf(said) {
  return signInMessage(domainOf(said), said.origin, fromHex(said.challenge));
}
