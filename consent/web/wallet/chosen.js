/**
 * Opening one's own seed for an act: by a touch, or by what is typed where no touch is possible. The page has the part
 * `signing/ways_in.html`; the server's `ways_in` says which ways there are.
 */

import { openedByCode, openedByPassphrase, openedByTouch } from "./opening.js";
import { MistakeError, element, when } from "./page.js";
import { isOffered } from "./passkey.js";
import { RefusedError } from "./requests.js";

/**
 * @typedef {{enrolment: string, slots: import("./slots.js").Slot[], passkey_options: object}} WaysIn
 */

/**
 * Show what can be typed where there is no passkey here, else a button for it.
 * @param {WaysIn} ways
 */
export function offerWays(ways) {
  const usesKey = isOffered() && Boolean(slotOf(ways, "passkey"));
  element("other-ways").hidden = usesKey;
  element("show-other-ways").hidden = !usesKey;
  element("passphrase-field").hidden = !slotOf(ways, "passphrase");
  when(element("show-other-ways"), showOtherWays);
}

/**
 * @param {WaysIn} ways
 * @returns {Promise<Uint8Array>} the seed, by what was typed, else by a touch; `wipe` it after use
 */
export function openedAsChosen(ways) {
  const find = async (id) => found(ways, id);
  const [passphrase, code] = [typedInto("passphrase"), typedInto("code")];
  if (passphrase) return openedByPassphrase(passphrase, [slotOf(ways, "passphrase").id], find);
  if (code) return openedByCode(code, find);
  if (isOffered() && slotOf(ways, "passkey")) return openedByTouch(ways.passkey_options, find);
  throw new MistakeError("nothing-typed");
}

/** Leave nothing that was typed in the page. */
export function clearTyped() {
  for (const field of document.querySelectorAll("input")) field.value = "";
}

function showOtherWays() {
  element("other-ways").hidden = false;
  element("show-other-ways").hidden = true;
  const [first] = [element("passphrase"), element("code")].filter(isShown);
  first.focus();
}

/** A browser may fill in a field that is not shown: that is nobody's choice. */
function typedInto(id) {
  return isShown(element(id)) ? element(id).value : "";
}

function isShown(field) {
  return field.offsetParent !== null;
}

function found(ways, id) {
  const slot = ways.slots.find((one) => one.id === id);
  if (!slot) throw new RefusedError("", 404);
  return { slot, enrolment: ways.enrolment };
}

function slotOf(ways, kind) {
  return ways.slots.find((slot) => slot.kind === kind);
}
