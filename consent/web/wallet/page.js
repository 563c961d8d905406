/**
 * What all pages share: elements by id, sentences that the template holds, one place for errors, one act at a time.
 */

/**
 * @param {string} id
 * @returns {any} the element
 */
export function element(id) {
  return document.getElementById(id);
}

/**
 * A sentence of the page, in the reader's language: <template id="say-NAME">.
 * @param {string} name
 * @param {Record<string, string>} values put in for {name}
 * @returns {string}
 */
export function sentence(name, values = {}) {
  const text = element(`say-${name}`).content.textContent.trim();
  return Object.entries(values).reduce((said, [key, value]) => said.replaceAll(`{${key}}`, value), text);
}

/** An error whose message is a sentence to show. */
export class SpokenError extends Error {}

/** Something that the reader can mend, told by a sentence of the page. */
export class MistakeError extends SpokenError {
  /**
   * @param {string} name of the sentence
   * @param {Record<string, string>} values
   */
  constructor(name, values = {}) {
    super(sentence(name, values));
  }
}

/**
 * Go on to a step: show it alone, and let focus and screen reader be at its heading.
 * @param {string} id
 */
export function goTo(id) {
  clearError();
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.id !== id;
  element(id).querySelector("h1, h2").focus();
}

/** @param {string} message */
export function showError(message) {
  element("error").textContent = message;
  element("error").hidden = false;
  element("error").scrollIntoView({ block: "nearest" });
}

/** Take away what was said about the last attempt. */
export function clearError() {
  element("error").textContent = "";
  element("error").hidden = true;
}

/**
 * Let a form's or a button's act run, one at a time. Every error ends here, as a sentence.
 * @param {any} source a form, or a button outside of any
 * @param {() => Promise<void> | void} act
 */
export function when(source, act) {
  source.addEventListener(source instanceof HTMLFormElement ? "submit" : "click", (event) => {
    event.preventDefault();
    attempt(act);
  });
}

/**
 * Run an act unless another one runs.
 * @param {() => Promise<void> | void} act
 */
export async function attempt(act) {
  if (working) return;
  clearError();
  setWorking(true);
  try {
    await act();
  } catch (error) {
    showError(spoken(error));
  } finally {
    setWorking(false);
  }
}

/**
 * Leave for where the server says; nothing can be started on this page any more.
 * @param {string} next
 * @returns {Promise<never>}
 */
export function leaveFor(next) {
  location.assign(next);
  return new Promise(() => {});
}

let working = false;

/** Controls stay focusable meanwhile, so that a keyboard's place is not lost. */
function setWorking(now) {
  working = now;
  document.body.setAttribute("aria-busy", String(now));
  element("working").textContent = now ? sentence("working") : "";
}

/** What WebAuthn's errors mean for the reader. */
const TOLD = {
  AbortError: "no-touch",
  InvalidStateError: "key-exists",
  NotAllowedError: "no-touch",
  NotSupportedError: "no-key-here",
  SecurityError: "no-key-here",
};

function spoken(error) {
  if (error instanceof SpokenError) return error.message;
  const name = error.sentence ?? TOLD[error.name];
  if (!name) console.error(error); // a mistake of ours; it holds no secret
  return sentence(name ?? "failed");
}
