/**
 * The signing page: four sentences, Allow or not. What is signed is read back from where it is shown.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { drawn, toHex, utf8 } from "./bytes.js";
import { clearTyped } from "./chosen.js";
import { certificateMessage, grantMessage } from "./messages.js";
import { MistakeError, attempt, element, leaveFor, when } from "./page.js";
import { get, post } from "./requests.js";
import { domainOf, offerSigners, signerAsChosen } from "./signer.js";

const SENTENCES = ["who", "what", "why", "until"];
const SALT_BYTES = 32;

/** @type {any} what `/sign/act` says */
let act;

async function load() {
  act = await get("/sign/act");
  for (const name of SENTENCES) element(name).textContent = act.sentences[name];
  showTechnicalDetails();
  offerSigners(act);
  element("act").hidden = false;
}

function showTechnicalDetails() {
  element("terms").textContent = act.terms;
  element("terms-hash").textContent = toHex(sha256(utf8(act.terms)));
  element("enrolment").textContent = act.enrolment;
  element("contract").textContent = act.contract;
  element("chain").textContent = String(act.chain_id);
}

async function allow() {
  const details = { ...shown(), terms: sha256(utf8(act.terms)), salt: drawn(SALT_BYTES) };
  const signer = await signerAsChosen(act);
  const body = await signed(signer, details);
  signer.close();
  const { next } = await post("/sign", body);
  clearTyped();
  await leaveFor(next);
}

/**
 * The sentences as the reader sees them: a page that a translator or an extension changed is not signed.
 * @returns {{who: string, what: string, why: string, until: string}}
 */
function shown() {
  const read = SENTENCES.map((name) => [name, element(name).textContent]);
  if (read.some(([name, text]) => text !== act.sentences[name])) throw new MistakeError("page-changed");
  return Object.fromEntries(read);
}

/** Sign with a key that is this consent's alone, where the signer has such keys, and certify its address. */
async function signed(signer, details) {
  const [domain, patient] = [domainOf(act), signer.addressFor(details.salt)];
  const grant = grantMessage(domain, details, patient, act.expires, act.publish_by);
  const signature = await signer.byConsent(grant, details.salt);
  const certificate = await signer.byEnrolment(certificateMessage(domain, act.subject, patient));
  return { salt: toHex(details.salt), patient: toHex(patient), signature, certificate };
}

when(element("sign-form"), allow);
when(element("load-again"), () => location.reload());
attempt(load).then(() => {
  element("load-again").hidden = Boolean(act);
});
