/**
 * The sign-in page: a passkey, or the recovery code, or this browser's passphrase, or an app that has the key.
 */

import { offerApps } from "./apps.js";
import { wipe } from "./bytes.js";
import { challengeSignedByApp, signedChallenge } from "./challenge.js";
import { foundByServer, openedByCode, openedByPassphrase } from "./opening.js";
import { MistakeError, element, leaveFor, when } from "./page.js";
import { isOffered, signedIn } from "./passkey.js";
import { rememberedSlots } from "./remembered.js";
import { RefusedError, post } from "./requests.js";

const REFUSED = 422;

async function useKey() {
  const credential = await signedIn(await post("/sign-in/options", {}));
  await goOn("/sign-in/passkey", { credential });
}

async function useCode() {
  await signInWith(await openedByCode(element("code").value, foundByServer));
}

async function usePassphrase() {
  await signInWith(await openedByPassphrase(element("passphrase").value, rememberedSlots(), foundByServer));
}

async function useApp() {
  const { signature } = await challengeSignedByApp("/sign-in/challenge");
  try {
    await goOn("/sign-in/key", { signature });
  } catch (error) {
    throw error instanceof RefusedError && error.status === REFUSED ? new MistakeError("app-unknown") : error;
  }
}

async function signInWith(seed) {
  const signature = await signedChallenge("/sign-in/challenge", seed);
  wipe(seed);
  await goOn("/sign-in/key", { signature });
}

async function goOn(path, body) {
  const { next } = await post(path, body);
  for (const field of document.querySelectorAll("input")) field.value = "";
  await leaveFor(next);
}

element("key-section").hidden = !isOffered();
element("passphrase-section").hidden = !rememberedSlots().length;
when(element("use-key"), useKey);
when(element("code-form"), useCode);
when(element("passphrase-form"), usePassphrase);
when(element("app-form"), useApp);
offerApps(() => {
  element("app-section").hidden = false;
});
