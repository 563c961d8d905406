/**
 * The sign-in that stands for a person without a passkey: their enrolment key's signature over a fresh challenge.
 */

import { fromHex, toHex, wipe } from "./bytes.js";
import { enrolmentKey, sign } from "./derive.js";
import { get } from "./requests.js";
import { signInDigest } from "./typed_data.js";

/**
 * @param {string} path where the server draws the challenge
 * @param {Uint8Array} seed
 * @returns {Promise<string>} the signature over SignIn, 128 hex digits
 */
export async function signedChallenge(path, seed) {
  const { challenge, origin, chain_id: chainId, contract } = await get(path);
  const digest = signInDigest({ chainId, contract: fromHex(contract) }, origin, fromHex(challenge));
  const key = enrolmentKey(seed);
  const signature = toHex(sign(digest, key));
  wipe(key);
  return signature;
}
