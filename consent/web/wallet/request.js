/**
 * The page on which somebody asks for a copy of everything, or to be erased: signed with the enrolment key.
 */

import { fromHex, toHex, wipe } from "./bytes.js";
import { clearTyped, offerWays, openedAsChosen } from "./chosen.js";
import { enrolmentKey, sign } from "./derive.js";
import { attempt, element, leaveFor, when } from "./page.js";
import { get, post } from "./requests.js";
import { requestDigest } from "./typed_data.js";

/** @type {any} what `/request/act` says */
let act;

async function load() {
  act = await get("/request/act");
  element("request").textContent = JSON.stringify(act.request, null, 2);
  offerWays(act);
  element("act").hidden = false;
}

async function ask() {
  const seed = await openedAsChosen(act);
  const key = enrolmentKey(seed);
  const domain = { chainId: act.chain_id, contract: fromHex(act.contract) };
  const signature = toHex(sign(requestDigest(domain, act.request), key));
  wipe(seed, key);
  const { next } = await post("/request", { signature });
  clearTyped();
  await leaveFor(next);
}

when(element("request-form"), ask);
when(element("load-again"), () => location.reload());
attempt(load).then(() => {
  element("load-again").hidden = Boolean(act);
});
