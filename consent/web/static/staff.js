/**
 * Passkeys for the staff's pages (WebAuthn, level 3). A form with `data-ceremony` asks for one: "get" signs in, "create"
 * makes one. Only what proves it is sent: `id`, `rawId`, `type` and the response's own bytes; no results of extensions.
 */

/** What WebAuthn's errors mean for the reader. */
const TOLD = {
  AbortError: "Nothing came from your device. Try once more.",
  InvalidStateError: "This device has a passkey of yours already. Sign in with it, or use another device.",
  NotAllowedError: "Nothing came from your device, or it took too long. Try once more.",
  NotSupportedError: "This device cannot make such a passkey. Use another one.",
  SecurityError: "Passkeys do not work under this address. Open the page under the address that you were given.",
};
const FAILED = "This did not work. Check the connection, and try once more.";
const CREATION = ["clientDataJSON", "attestationObject"];
const ASSERTION = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];

/** An error whose message is a sentence to show. */
class SpokenError extends Error {}

/** @param {ArrayBuffer} bytes */
function toBase64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text base64url, without padding */
function fromBase64url(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

const withBytes = (descriptor) => ({ ...descriptor, id: fromBase64url(descriptor.id) });

async function created(options) {
  const publicKey = {
    ...options,
    challenge: fromBase64url(options.challenge),
    user: { ...options.user, id: fromBase64url(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(withBytes),
  };
  return shown(await navigator.credentials.create({ publicKey }), CREATION);
}

async function used(options) {
  const allowCredentials = (options.allowCredentials ?? []).map(withBytes);
  const publicKey = { ...options, challenge: fromBase64url(options.challenge), allowCredentials };
  return shown(await navigator.credentials.get({ publicKey }), ASSERTION);
}

/** A credential's own `toJSON()` would add results of extensions. */
function shown({ rawId, type, response }, names) {
  const present = names.filter((name) => response[name]);
  const id = toBase64url(rawId);
  return { id, rawId: id, type, response: Object.fromEntries(present.map((name) => [name, toBase64url(response[name])])) };
}

/** @throws {SpokenError} with what the server said */
async function sent(path, value) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("meta[name=csrf]").content };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(value) });
  const body = await answer.json();
  if (!answer.ok) throw new SpokenError(body.detail ?? FAILED);
  return body;
}

/** @param {HTMLFormElement} form */
function ask(form) {
  const [fault, working] = [form.querySelector("[role=alert]"), form.querySelector("[role=status]")];
  const { ceremony, at, options, onward } = form.dataset;
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    fault.hidden = true;
    fault.textContent = "";
    working.textContent = "Your device asks you now.";
    try {
      if (!globalThis.PublicKeyCredential) throw new SpokenError("This browser knows no passkeys. Use another one.");
      const touch = ceremony === "create" ? created : used;
      await sent(at, { credential: await touch(await sent(options, {})) });
      location.assign(onward);
    } catch (error) {
      fault.textContent = error instanceof SpokenError ? error.message : (TOLD[error.name] ?? FAILED);
      fault.hidden = false;
      working.textContent = "";
      busy = false;
    }
  });
}

/** @param {HTMLButtonElement} button */
function copy(button) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const told = document.getElementById("copied");
    const done = navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    told.textContent = await done.then(() => "Copied.", () => "It could not be copied: mark it, and copy it by hand.");
  });
}

document.querySelectorAll("form[data-ceremony]").forEach(ask);
document.querySelectorAll("button[data-copy]").forEach(copy);
document.querySelector("div.wrong")?.focus();
