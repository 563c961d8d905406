/**
 * The page on which somebody adds a way into their key: a passkey of this device, or another passphrase.
 */

import { wipe } from "./bytes.js";
import { signedChallenge } from "./challenge.js";
import { clearTyped, offerWays, openedAsChosen } from "./chosen.js";
import { askForKey, offerNewKey } from "./making_key.js";
import { attempt, element, goTo, leaveFor, when } from "./page.js";
import { rememberSlot } from "./remembered.js";
import { get, post } from "./requests.js";

/** @type {any} what `/add-key/act` says */
let act;
/** @type {Uint8Array} */
let seed;

async function load() {
  act = await get("/add-key/act");
  offerWays(act);
  goTo("step-open");
}

async function open() {
  seed = await openedAsChosen(act);
  clearTyped();
  askForKey();
}

async function keep({ credential, slot }) {
  const signature = await signedChallenge("/add-key/challenge", seed);
  const { next } = await post("/add-key", { credential, slots: [slot], enrolment: act.enrolment, signature });
  if (slot.kind === "passphrase") rememberSlot(slot.id);
  wipe(seed);
  await leaveFor(next);
}

offerNewKey("/add-key", () => seed, keep);
when(element("open-form"), open);
attempt(load);
