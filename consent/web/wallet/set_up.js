/**
 * The set-up page: a key, a recovery code, two groups of it typed back, and only then is anything kept.
 */

import { offerApps } from "./apps.js";
import { drawn, wipe } from "./bytes.js";
import { challengeSignedByApp, signedChallenge } from "./challenge.js";
import { SEED_BYTES } from "./derive.js";
import { offerNewCode, showCode } from "./making_code.js";
import { askForKey, offerNewKey } from "./making_key.js";
import { MistakeError, attempt, element, goTo, leaveFor, when } from "./page.js";
import { SECRET_BYTES } from "./recovery_code.js";
import { rememberSlot } from "./remembered.js";
import { post } from "./requests.js";
import { enrolmentOf, sealedForRecovery } from "./slots.js";

const seed = drawn(SEED_BYTES);
const secret = drawn(SECRET_BYTES);
/** @type {import("./making_key.js").NewKey | null} */
let key = null;

function keep(made) {
  key = made;
  element("app-offer").hidden = true;
  showCode(secret);
}

async function finish() {
  goTo("step-finish");
  const signature = await signedChallenge("/set-up/challenge", seed);
  const slots = [key.slot, await sealedForRecovery(seed, secret)];
  const whole = { credential: key.credential, slots, enrolment: enrolmentOf(seed), signature };
  const { next } = await post("/set-up", whole);
  if (key.slot.kind === "passphrase") rememberSlot(key.slot.id);
  wipe(seed, secret);
  await leaveFor(next);
}

/** Take the key of an app instead of one of ours: there are no slots then, and no way back. */
async function takeApp() {
  if (!element("app-known").checked) throw new MistakeError("app-not-known");
  const { next } = await post("/set-up/app", await challengeSignedByApp("/set-up/challenge"));
  wipe(seed, secret);
  await leaveFor(next);
}

function showApps() {
  element("app-offer").hidden = true;
  goTo("step-app");
}

offerNewKey("/set-up", () => seed, keep);
offerNewCode(secret, finish);
when(element("finish"), finish);
when(element("use-app"), showApps);
when(element("app-form"), takeApp);
offerApps(() => {
  element("app-offer").hidden = Boolean(key);
});
attempt(askForKey);
