/**
 * The page on which somebody makes a new key in the place of their old one, which signs for it; then the new one waits.
 */

import { drawn, fromHex, joined, toHex, utf8, wipe } from "./bytes.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { signedChallenge } from "./challenge.js";
import { clearTyped } from "./chosen.js";
import { SEED_BYTES } from "./derive.js";
import { offerNewCode, showCode } from "./making_code.js";
import { askForKey, offerNewKey } from "./making_key.js";
import { requestMessage } from "./messages.js";
import { attempt, element, goTo, leaveFor, when } from "./page.js";
import { SECRET_BYTES } from "./recovery_code.js";
import { rememberSlot } from "./remembered.js";
import { get, post } from "./requests.js";
import { domainOf, offerSigners, signerAsChosen } from "./signer.js";
import { enrolmentOf, sealedForRecovery } from "./slots.js";

const NONCE_BYTES = 16;
const NONCE_PREFIX = utf8("consentry/new-key/v1\n");
const seed = drawn(SEED_BYTES);
const secret = drawn(SECRET_BYTES);
/** @type {any} what `/replace/act` says */
let act;
/** @type {import("./making_key.js").NewKey} */
let key;

async function load() {
  act = await get("/replace/act");
  offerSigners(act);
  askForKey();
}

function keep(made) {
  key = made;
  showCode(secret);
}

/** The old key signs a request that names the new one by its nonce. */
async function ask() {
  const enrolment = enrolmentOf(seed);
  const signer = await signerAsChosen(act);
  const old = await signer.byEnrolment(requestMessage(domainOf(act), { ...act.request, nonce: nonceFor(enrolment) }));
  signer.close();
  const signature = await signedChallenge("/replace/challenge", seed);
  const slots = [key.slot, await sealedForRecovery(seed, secret)];
  const whole = { credential: key.credential, slots, enrolment, signature, old_signature: old };
  const { next } = await post("/replace", whole);
  if (key.slot.kind === "passphrase") rememberSlot(key.slot.id);
  clearTyped();
  wipe(seed, secret);
  await leaveFor(next);
}

/** As `consent/services/key_history.py` has it. */
function nonceFor(enrolment) {
  return toHex(sha256(joined(NONCE_PREFIX, fromHex(enrolment))).slice(0, NONCE_BYTES));
}

offerNewKey("/replace", () => seed, keep);
offerNewCode(secret, () => goTo("step-open"));
when(element("open-form"), ask);
attempt(load);
