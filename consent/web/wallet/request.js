/**
 * The page on which somebody asks for a copy of everything, or to be erased: signed with the enrolment key.
 */

import { clearTyped } from "./chosen.js";
import { requestMessage } from "./messages.js";
import { attempt, element, leaveFor, when } from "./page.js";
import { get, post } from "./requests.js";
import { domainOf, offerSigners, signerAsChosen } from "./signer.js";

/** @type {any} what `/request/act` says */
let act;

async function load() {
  act = await get("/request/act");
  element("request").textContent = JSON.stringify(act.request, null, 2);
  offerSigners(act);
  element("act").hidden = false;
}

async function ask() {
  const signer = await signerAsChosen(act);
  const signature = await signer.byEnrolment(requestMessage(domainOf(act), act.request));
  signer.close();
  const { next } = await post("/request", { signature });
  clearTyped();
  await leaveFor(next);
}

when(element("request-form"), ask);
when(element("load-again"), () => location.reload());
attempt(load).then(() => {
  element("load-again").hidden = Boolean(act);
});
