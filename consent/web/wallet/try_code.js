/**
 * The page on which somebody tries whether the code on their paper still opens their key. Nothing is sent.
 */

import { wipe } from "./bytes.js";
import { clearTyped } from "./chosen.js";
import { openedByCode } from "./opening.js";
import { attempt, element, goTo, when } from "./page.js";
import { RefusedError, get } from "./requests.js";

/** @type {any} what `/try-code/act` says */
let act;

async function load() {
  act = await get("/try-code/act");
  goTo("step-try");
}

async function tryCode() {
  wipe(await openedByCode(element("code").value, find));
  clearTyped();
  goTo("step-right");
}

async function find(id) {
  const slot = act.slots.find((one) => one.id === id);
  if (!slot) throw new RefusedError("", 404);
  return { slot, enrolment: act.enrolment };
}

when(element("try-form"), tryCode);
attempt(load);
