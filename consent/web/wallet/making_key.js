/**
 * Making a key for a seed, by a touch or with a passphrase, for pages with the part `signing/making_key.html`. Until it is
 * made nothing but the question for a passkey's options leaves the page.
 *
 * @typedef {import("./slots.js").Slot} Slot
 * @typedef {{credential: object | null, slot: Slot}} NewKey the credential as the server gets it
 */

import { wipe } from "./bytes.js";
import { MistakeError, element, goTo, when } from "./page.js";
import { created, isBuiltIn, isOffered } from "./passkey.js";
import { post } from "./requests.js";
import { sealedForPasskey, sealedForPassphrase } from "./slots.js";

const SHORTEST_PASSPHRASE = 12;

/**
 * Let the page's buttons make a key.
 * @param {string} path of the act, whose `options` the server hands out
 * @param {() => Uint8Array} seedOf the seed, which stays the caller's
 * @param {(key: NewKey) => Promise<void> | void} then
 */
export function offerNewKey(path, seedOf, then) {
  let credential = null;

  async function makeKey() {
    element("passphrase-instead").hidden = false; // from now on: there is a way on where no touch comes
    const made = await created(await post(`${path}/options`, { platform: await isBuiltIn() }));
    credential = made.credential;
    if (!made.prf) return goTo("step-passphrase");
    const slot = await sealedForPasskey(seedOf(), made.id, made.prf);
    wipe(made.prf);
    return then({ credential, slot });
  }

  async function keepPassphrase() {
    const [first, again] = [element("passphrase-new"), element("passphrase-again")];
    const passphrase = first.value.normalize("NFKC");
    if (Array.from(passphrase).length < SHORTEST_PASSPHRASE) throw new MistakeError("passphrase-short");
    if (passphrase !== again.value.normalize("NFKC")) throw new MistakeError("passphrases-differ");
    const slot = await sealedForPassphrase(seedOf(), passphrase);
    first.value = again.value = "";
    return then({ credential, slot });
  }

  when(element("make-key"), makeKey);
  when(element("passphrase-instead"), () => goTo("step-passphrase"));
  when(element("passphrase-form"), keepPassphrase);
}

/** Show the first step that this browser can do. */
export function askForKey() {
  goTo(isOffered() ? "step-key" : "step-passphrase");
}
