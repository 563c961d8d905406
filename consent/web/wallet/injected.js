/**
 * The apps with keys that a browser has: found by EIP-6963, asked by EIP-1193. Nothing that an app says is believed: a
 * name is text, an icon is a picture in the page's own bytes, and a signature counts where it recovers to the account.
 *
 * @typedef {{request: (asked: {method: string, params?: any[]}) => Promise<any>, on?: Function}} Provider
 * @typedef {{id: string, name: string, icon: string, provider: Provider}} App `icon` is empty or a data: URI
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { fromHex, fromNumber, joined, toHex, toNumber } from "./bytes.js";
import { MistakeError } from "./page.js";

const ANNOUNCED = "eip6963:announceProvider";
const ASKED = "eip6963:requestProvider";
const MOST_APPS = 12;
const LONGEST_NAME = 40;
const LONGEST_ICON = 100_000;
const PICTURE = /^data:image\/(png|jpeg|webp|gif|svg\+xml)[;,]/;
const PARITY_BIT = 0x80;
const ORDER = secp256k1.Point.Fn.ORDER;

/** What EIP-1193's and EIP-3326's codes mean for the reader. */
const TOLD = { 4001: "app-refused", 4100: "app-refused", 4902: "app-network-unknown", "-32002": "app-busy" };

/**
 * Call `found` for each app, now and whenever another one announces itself.
 * @param {(app: App) => void} found
 */
export function lookForApps(found) {
  const known = new Set();
  addEventListener(ANNOUNCED, (event) => {
    const app = read(/** @type {CustomEvent} */ (event).detail);
    if (!app || known.has(app.id) || known.size >= MOST_APPS) return;
    known.add(app.id);
    found(app);
  });
  dispatchEvent(new Event(ASKED));
}

/**
 * Ask an app for its account.
 * @param {App} app
 * @returns {Promise<Uint8Array>} its address, 20 bytes
 */
export async function accountOf(app) {
  return first(await asked(app, "eth_requestAccounts"));
}

/**
 * @param {App} app
 * @param {number} chainId
 * @throws {MistakeError} where the app is on another network
 */
export async function requireChain(app, chainId) {
  const said = await asked(app, "eth_chainId");
  if (typeof said !== "string" || Number(said) !== chainId) throw new OtherNetworkError();
}

/** The app is on another network than this installation: `switchChain` can mend it. */
export class OtherNetworkError extends MistakeError {
  constructor() {
    super("app-network");
  }
}

/**
 * Ask an app to go to a network (EIP-3326).
 * @param {App} app
 * @param {number} chainId
 */
export async function switchChain(app, chainId) {
  await asked(app, "wallet_switchEthereumChain", [{ chainId: `0x${chainId.toString(16)}` }]);
}

/**
 * Let an app sign, and check what it signed.
 * @param {App} app
 * @param {Uint8Array} account 20 bytes, as `accountOf` gave it
 * @param {import("./messages.js").Message} message
 * @returns {Promise<Uint8Array>} 64 bytes, EIP-2098, with a low s
 */
export async function signedByApp(app, account, message) {
  const given = await asked(app, "eth_signTypedData_v4", [`0x${toHex(account)}`, message.json]);
  await requireAccount(app, account);
  return compact(given, message.digest, account);
}

/**
 * @param {App} app
 * @param {Uint8Array} account
 * @throws {MistakeError} where the app's account is another one by now
 */
export async function requireAccount(app, account) {
  if (toHex(first(await asked(app, "eth_accounts"))) !== toHex(account)) throw new MistakeError("app-switched");
}

/**
 * Call `told` once the app's account or network changes.
 * @param {App} app
 * @param {() => void} told
 */
export function whenSwitched(app, told) {
  for (const event of ["accountsChanged", "chainChanged", "disconnect"]) app.provider.on?.(event, told);
}

/**
 * @param {unknown} given a signature as apps give it: r || s || v, 65 bytes as hex, v of 0, 1, 27 or 28
 * @param {Uint8Array} digest 32 bytes
 * @param {Uint8Array} account 20 bytes
 * @returns {Uint8Array} 64 bytes, EIP-2098: r || s with the y parity in the top bit of s; s is low
 * @throws {MistakeError} where it is no signature of this digest by this account
 */
export function compact(given, digest, account) {
  const text = typeof given === "string" ? given.replace(/^0x/i, "").toLowerCase() : "";
  if (!/^[0-9a-f]{128}(00|01|1b|1c)$/.test(text)) throw new MistakeError("app-wrong-signature");
  const bytes = fromHex(text);
  const [r, high, v] = [bytes.subarray(0, 32), toNumber(bytes.subarray(32, 64)), bytes[64] % 27];
  const isLow = high <= ORDER / 2n;
  const [s, parity] = [fromNumber(isLow ? high : ORDER - high, 32), isLow ? v : 1 - v];
  if (!isBy(joined(Uint8Array.of(parity), r, s), digest, account)) throw new MistakeError("app-wrong-signature");
  if (parity) s[0] |= PARITY_BIT;
  return joined(r, s);
}

function isBy(recoverable, digest, account) {
  try {
    const key = secp256k1.recoverPublicKey(recoverable, digest, { prehash: false });
    const whole = secp256k1.Point.fromBytes(key).toBytes(false);
    return toHex(keccak_256(whole.subarray(1)).slice(-20)) === toHex(account);
  } catch {
    return false; // r or s is no number of a signature
  }
}

async function asked({ provider }, method, params = []) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    throw new MistakeError(TOLD[error?.code] ?? TOLD[error?.data?.originalError?.code] ?? "app-failed");
  }
}

function first(accounts) {
  const [account] = Array.isArray(accounts) ? accounts : [];
  if (typeof account !== "string" || !/^0x[0-9a-f]{40}$/i.test(account)) throw new MistakeError("app-no-account");
  return fromHex(account.slice(2).toLowerCase());
}

function read(detail) {
  const { uuid, name, icon } = detail?.info ?? {};
  const isSound = [uuid, name].every((text) => typeof text === "string" && text);
  if (!isSound || typeof detail.provider?.request !== "function") return null;
  return { id: uuid, name: plain(name), icon: picture(icon), provider: detail.provider };
}

/** Without what turns a line around or hides in it. */
function plain(name) {
  const text = Array.from(name.replace(/\p{C}/gu, "")).slice(0, LONGEST_NAME).join("").trim();
  return text || "?";
}

function picture(icon) {
  return typeof icon === "string" && icon.length <= LONGEST_ICON && PICTURE.test(icon) ? icon : "";
}
