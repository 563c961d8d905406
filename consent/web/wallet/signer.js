/**
 * Who signs an act: the keys of a seed that a way in opens, or an app with the one key that it has. A page has the parts
 * `signing/ways_in.html` and `signing/apps.html`:
 *
 *     offerSigners(act);                                  as the page loads; `act` has the server's `ways_in`
 *     const signer = await signerAsChosen(act);           as somebody presses the button
 *     const signature = await signer.byEnrolment(requestMessage(domainOf(act), request));
 *     signer.close();
 *
 * @typedef {object} Signer
 * @property {(salt: Uint8Array) => Uint8Array} addressFor the address of the consent with this salt, 20 bytes
 * @property {(message: Message, salt: Uint8Array) => Promise<string>} byConsent its signature, 128 hex digits
 * @property {(message: Message) => Promise<string>} byEnrolment the enrolment key's signature, 128 hex digits
 * @property {() => void} close wipes what can be wiped; nothing is signed after it
 *
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./chosen.js").WaysIn & {chain_id: number, contract: string}} Ways no slots: the key is in an app
 */

import { connectedApp, offerApps } from "./apps.js";
import { fromHex, toHex, wipe } from "./bytes.js";
import { offerWays, openedAsChosen } from "./chosen.js";
import { addressOf, consentKey, enrolmentKey, sign } from "./derive.js";
import { MistakeError, element } from "./page.js";

/**
 * Show what this person's key can be used with: their ways in, or their browser's apps.
 * @param {Ways} ways
 */
export function offerSigners(ways) {
  if (!isInApp(ways)) return offerWays(ways);
  for (const id of ["other-ways", "show-other-ways"]) element(id).hidden = true;
  element("apps").hidden = false;
  offerApps();
}

/**
 * @param {Ways} ways
 * @returns {Promise<Signer>}
 */
export async function signerAsChosen(ways) {
  if (!isInApp(ways)) return seedSigner(await openedAsChosen(ways));
  const signer = await connectedApp(ways.chain_id);
  if (toHex(signer.address) !== ways.enrolment) throw new MistakeError("app-other-account", { address: `0x${ways.enrolment}` });
  return signer;
}

/**
 * @param {Uint8Array} seed which `close` wipes
 * @returns {Signer}
 */
export function seedSigner(seed) {
  return {
    addressFor: (salt) => withKey(consentKey(seed, salt), addressOf),
    byConsent: async ({ digest }, salt) => withKey(consentKey(seed, salt), (key) => toHex(sign(digest, key))),
    byEnrolment: async ({ digest }) => withKey(enrolmentKey(seed), (key) => toHex(sign(digest, key))),
    close: () => wipe(seed),
  };
}

/**
 * @param {{chain_id: number, contract: string}} said by the server
 * @returns {import("./typed_data.js").SigningDomain}
 */
export function domainOf({ chain_id: chainId, contract }) {
  return { chainId, contract: fromHex(contract) };
}

function isInApp(ways) {
  return ways.slots.length === 0;
}

function withKey(key, act) {
  const result = act(key);
  wipe(key);
  return result;
}
