/**
 * The page on which somebody makes a new recovery code; the old one then opens nothing.
 */

import { drawn, wipe } from "./bytes.js";
import { signedChallenge } from "./challenge.js";
import { clearTyped, offerWays, openedAsChosen } from "./chosen.js";
import { offerNewCode, showCode } from "./making_code.js";
import { attempt, element, goTo, leaveFor, when } from "./page.js";
import { SECRET_BYTES } from "./recovery_code.js";
import { get, post } from "./requests.js";
import { sealedForRecovery } from "./slots.js";

const secret = drawn(SECRET_BYTES);
/** @type {any} what `/new-code/act` says */
let act;
/** @type {Uint8Array} */
let seed;

async function load() {
  act = await get("/new-code/act");
  offerWays(act);
  goTo("step-open");
}

async function open() {
  seed = await openedAsChosen(act);
  clearTyped();
  showCode(secret);
}

async function keep() {
  const signature = await signedChallenge("/new-code/challenge", seed);
  const slots = [await sealedForRecovery(seed, secret)];
  const { next } = await post("/new-code", { credential: null, slots, enrolment: act.enrolment, signature });
  wipe(seed, secret);
  await leaveFor(next);
}

offerNewCode(secret, keep);
when(element("open-form"), open);
attempt(load);
