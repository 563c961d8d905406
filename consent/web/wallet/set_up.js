/**
 * The set-up page: a key, a recovery code, two groups of it typed back, and only then is anything kept. Until the last
 * step nothing but the question for a passkey's options leaves this page.
 */

import { offerApps } from "./apps.js";
import { drawn, wipe } from "./bytes.js";
import { challengeSignedByApp, signedChallenge } from "./challenge.js";
import { SEED_BYTES } from "./derive.js";
import { MistakeError, attempt, element, goTo, leaveFor, sentence, when } from "./page.js";
import { created, isBuiltIn, isOffered } from "./passkey.js";
import { GROUPS, SECRET_BYTES, groupsOf, isGroup } from "./recovery_code.js";
import { rememberSlot } from "./remembered.js";
import { post } from "./requests.js";
import { enrolmentOf, sealedForPasskey, sealedForPassphrase, sealedForRecovery } from "./slots.js";

const SHORTEST_PASSPHRASE = 12;

const seed = drawn(SEED_BYTES);
const secret = drawn(SECRET_BYTES);
/** @type {{credential: object | null, slot: import("./slots.js").Slot | null}} */
const made = { credential: null, slot: null };
/** @type {number[]} the places of the two groups that are typed back */
const asked = twoOf(GROUPS);

async function makeKey() {
  element("passphrase-instead").hidden = false; // from now on: there is a way on where no touch comes
  const options = await post("/set-up/options", { platform: await isBuiltIn() });
  const { credential, id, prf } = await created(options);
  made.credential = credential;
  if (!prf) return goTo("step-passphrase");
  made.slot = await sealedForPasskey(seed, id, prf);
  wipe(prf);
  showCode();
}

async function keepPassphrase() {
  const [first, again] = [element("passphrase"), element("passphrase-again")];
  const passphrase = first.value.normalize("NFKC");
  if (Array.from(passphrase).length < SHORTEST_PASSPHRASE) throw new MistakeError("passphrase-short");
  if (passphrase !== again.value.normalize("NFKC")) throw new MistakeError("passphrases-differ");
  made.slot = await sealedForPassphrase(seed, passphrase);
  first.value = again.value = "";
  showCode();
}

function showCode() {
  element("app-offer").hidden = true;
  const items = groupsOf(secret).map((group) => Object.assign(document.createElement("li"), { textContent: group }));
  element("code").replaceChildren(...items);
  goTo("step-code");
}

function askForCode() {
  asked.forEach((place, question) => {
    element(`group-${question}-label`).textContent = sentence("which-group", { number: String(place + 1) });
    element(`group-${question}`).value = "";
  });
  goTo("step-check");
}

async function checkCode() {
  const groups = groupsOf(secret);
  asked.forEach((place, question) => {
    const field = element(`group-${question}`);
    if (isGroup(field.value, groups[place])) return;
    field.focus();
    throw new MistakeError("group-wrong", { number: String(place + 1) });
  });
  element("code").replaceChildren();
  goTo("step-finish");
  await finish();
}

async function finish() {
  const signature = await signedChallenge("/set-up/challenge", seed);
  const slots = [made.slot, await sealedForRecovery(seed, secret)];
  const whole = { credential: made.credential, slots, enrolment: enrolmentOf(seed), signature };
  const { next } = await post("/set-up", whole);
  if (made.slot.kind === "passphrase") rememberSlot(made.slot.id);
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

function twoOf(count) {
  const places = Array.from({ length: count }, (_, place) => place);
  const [first] = places.splice(below(places.length), 1);
  const [second] = places.splice(below(places.length), 1);
  return [first, second].sort();
}

/** Any number below `count`: the tiny bias of a remainder does not matter for which group is asked. */
function below(count) {
  return drawn(1)[0] % count;
}

when(element("make-key"), makeKey);
when(element("passphrase-instead"), () => goTo("step-passphrase"));
when(element("passphrase-form"), keepPassphrase);
when(element("print"), () => globalThis.print());
when(element("code-kept"), askForCode);
when(element("code-again"), showCode);
when(element("check-form"), checkCode);
when(element("finish"), finish);
when(element("use-app"), showApps);
when(element("app-form"), takeApp);
offerApps(() => {
  element("app-offer").hidden = Boolean(made.slot);
});
attempt(() => goTo(isOffered() ? "step-key" : "step-passphrase"));
