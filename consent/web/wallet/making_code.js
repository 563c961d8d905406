/**
 * A new recovery code: shown, and two groups of it typed back, for pages with the part `signing/making_code.html`.
 */

import { drawn } from "./bytes.js";
import { MistakeError, element, goTo, sentence, when } from "./page.js";
import { GROUPS, groupsOf, isGroup } from "./recovery_code.js";

/**
 * Let the page's buttons go through a new code.
 * @param {Uint8Array} secret its 16 bytes
 * @param {() => Promise<void> | void} then once it was typed back
 */
export function offerNewCode(secret, then) {
  const asked = twoOf(GROUPS);

  function askForCode() {
    asked.forEach((place, question) => {
      element(`group-${question}-label`).textContent = sentence("which-group", { number: String(place + 1) });
      element(`group-${question}`).value = "";
    });
    goTo("step-check");
  }

  function checkCode() {
    const groups = groupsOf(secret);
    asked.forEach((place, question) => {
      const field = element(`group-${question}`);
      if (isGroup(field.value, groups[place])) return;
      field.focus();
      throw new MistakeError("group-wrong", { number: String(place + 1) });
    });
    element("new-code").replaceChildren();
    return then();
  }

  when(element("print"), () => globalThis.print());
  when(element("code-kept"), askForCode);
  when(element("code-again"), () => showCode(secret));
  when(element("check-form"), checkCode);
}

/**
 * @param {Uint8Array} secret
 */
export function showCode(secret) {
  const items = groupsOf(secret).map((group) => Object.assign(document.createElement("li"), { textContent: group }));
  element("new-code").replaceChildren(...items);
  goTo("step-code");
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
