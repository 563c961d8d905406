/**
 * The list of apps on a page (`signing/apps.html`): somebody chooses one, and it signs as a `Signer`.
 *
 * @typedef {import("./signer.js").Signer & {address: Uint8Array}} AppSigner its one address is every consent's
 * @typedef {import("./injected.js").App} App
 */

import { toHex } from "./bytes.js";
import {
  OtherNetworkError,
  accountOf,
  lookForApps,
  requireAccount,
  requireChain,
  signedByApp,
  switchChain,
  whenSwitched,
} from "./injected.js";
import { MistakeError, element, sentence, showError, when } from "./page.js";

/** @type {App[]} */
const apps = [];
/** @type {Set<App>} whose account or network changed since it was asked for them */
const switched = new Set();
/** @type {Set<App>} */
const listened = new Set();
/** @type {(() => Promise<void>) | null} */
let goToNetwork = null;

/**
 * List the apps that this browser has, and each one that appears.
 * @param {() => void} onFirst called as soon as there is one
 */
export function offerApps(onFirst = () => {}) {
  when(element("switch-network"), async () => {
    await goToNetwork?.();
    element("switch-network").hidden = true;
  });
  lookForApps((app) => {
    apps.push(app);
    element("app-list").append(option(app, apps.length - 1));
    element("no-apps").hidden = true;
    if (apps.length === 1) onFirst();
    selectTheOnlyOne();
  });
}

/**
 * Ask the chosen app for its account, on this network.
 * @param {number} chainId
 * @returns {Promise<AppSigner>}
 */
export async function connectedApp(chainId) {
  const app = chosen();
  element("switch-network").hidden = true;
  const address = await accountOf(app);
  switched.delete(app);
  listenTo(app);
  await requireNetwork(app, chainId);
  const byApp = async (message) => {
    requireUnswitched(app);
    const signature = toHex(await signedByApp(app, address, message));
    await requireChain(app, chainId);
    requireUnswitched(app);
    return signature;
  };
  return { address, addressFor: () => address, byConsent: byApp, byEnrolment: byApp, close: () => {} };
}

async function requireNetwork(app, chainId) {
  try {
    await requireChain(app, chainId);
  } catch (error) {
    goToNetwork = () => switchChain(app, chainId);
    element("switch-network").hidden = !(error instanceof OtherNetworkError);
    throw error;
  }
}

function listenTo(app) {
  if (listened.has(app)) return;
  listened.add(app);
  whenSwitched(app, () => {
    switched.add(app);
    showError(sentence("app-switched"));
  });
}

function requireUnswitched(app) {
  if (switched.has(app)) throw new MistakeError("app-switched");
}

function chosen() {
  const radio = document.querySelector("#app-list input:checked");
  if (!radio) throw new MistakeError(apps.length ? "app-unchosen" : "app-none");
  return apps[Number(radio.dataset.place)];
}

/** One app is no choice; with a second one nobody chose yet. */
function selectTheOnlyOne() {
  const radios = document.querySelectorAll("#app-list input");
  if (radios.length <= 2) for (const radio of radios) radio.checked = radios.length === 1;
}

function option(app, place) {
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "app" });
  radio.dataset.place = String(place);
  const name = Object.assign(document.createElement("span"), { textContent: app.name });
  name.dir = "auto";
  const label = Object.assign(document.createElement("label"), { className: "option" });
  label.append(radio, ...icon(app), name);
  return label;
}

function icon(app) {
  return app.icon ? [Object.assign(new Image(28, 28), { src: app.icon, alt: "" })] : [];
}
