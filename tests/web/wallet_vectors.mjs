/**
 * Runs the wallet's own modules for `test_wallet_vectors.py`: a JSON list of [name, ...arguments] comes in, the list of
 * results goes out. Bytes are hex; a refusal is {"refused": its class}.
 */

import { argon2id } from "@noble/hashes/argon2.js";
import { fromBase64url, fromHex, toBase64url, toHex, utf8 } from "../../consent/web/wallet/bytes.js";
import * as derive from "../../consent/web/wallet/derive.js";
import { compact } from "../../consent/web/wallet/injected.js";
import * as messages from "../../consent/web/wallet/messages.js";
import * as code from "../../consent/web/wallet/recovery_code.js";
import * as slots from "../../consent/web/wallet/slots.js";
import * as typed from "../../consent/web/wallet/typed_data.js";

const domainOf = ({ chain_id: chainId, contract }) => ({ chainId, contract: fromHex(contract) });
const detailsOf = (details) => ({ ...details, terms: fromHex(details.terms), salt: fromHex(details.salt) });
const hexOrNull = (bytes) => bytes && toHex(bytes);
const keyOf = (slot, key) => (slot.kind === "passphrase" ? key : fromHex(key));

const ACTS = {
  base64url: (bytes) => [toBase64url(fromHex(bytes)), toHex(fromBase64url(toBase64url(fromHex(bytes))))],
  enrolmentAddress: (seed) => toHex(derive.addressOf(derive.enrolmentKey(fromHex(seed)))),
  consentAddress: (seed, salt) => toHex(derive.addressOf(derive.consentKey(fromHex(seed), fromHex(salt)))),
  signByEnrolment: (seed, digest) => toHex(derive.sign(fromHex(digest), derive.enrolmentKey(fromHex(seed)))),
  signByConsent: (seed, salt, digest) =>
    toHex(derive.sign(fromHex(digest), derive.consentKey(fromHex(seed), fromHex(salt)))),
  commitment: (details) => toHex(typed.commitmentOf(detailsOf(details))),
  grant: (domain, details, patient, expires, publishBy) =>
    toHex(typed.grantDigest(domainOf(domain), detailsOf(details), fromHex(patient), expires, publishBy)),
  revocation: (domain, commitment, patient) =>
    toHex(typed.revocationDigest(domainOf(domain), fromHex(commitment), fromHex(patient))),
  certificate: (domain, subject, patient) =>
    toHex(typed.certificateDigest(domainOf(domain), subject, fromHex(patient))),
  request: (domain, request) => toHex(typed.requestDigest(domainOf(domain), request)),
  signIn: (domain, origin, challenge) => toHex(typed.signInDigest(domainOf(domain), origin, fromHex(challenge))),
  appSignature: (given, digest, account) => toHex(compact(given, fromHex(digest), fromHex(account))),
  messages: (domain, details, patient, expires, publishBy, subject, origin, challenge, request) => {
    const place = domainOf(domain);
    return [
      messages.grantMessage(place, detailsOf(details), fromHex(patient), expires, publishBy),
      messages.certificateMessage(place, subject, fromHex(patient)),
      messages.signInMessage(place, origin, fromHex(challenge)),
      messages.requestMessage(place, request),
    ].map(({ digest, json }) => ({ digest: toHex(digest), json }));
  },
  codeOf: (secret) => code.groupsOf(fromHex(secret)).join("-"),
  secretOf: (text) => hexOrNull(code.secretOf(text)),
  secretsOf: (texts) => texts.map((text) => hexOrNull(code.secretOf(text))),
  passkeySlotId: (credential) => slots.passkeySlotId(fromHex(credential)),
  recoverySlotId: (secret) => slots.recoverySlotId(fromHex(secret)),
  sealForPasskey: (seed, credential, prf) => slots.sealedForPasskey(fromHex(seed), fromHex(credential), fromHex(prf)),
  sealForPassphrase: (seed, passphrase) => slots.sealedForPassphrase(fromHex(seed), passphrase),
  sealForRecovery: (seed, secret) => slots.sealedForRecovery(fromHex(seed), fromHex(secret)),
  open: async (slot, key, enrolment) => toHex(await slots.opened(slot, keyOf(slot, key), enrolment)),
  argon2id: (passphrase, salt) => {
    const options = { m: slots.COST.memory, t: slots.COST.passes, p: slots.COST.lanes, dkLen: 32 };
    return toHex(argon2id(utf8(passphrase.normalize("NFKC")), fromHex(salt), options));
  },
};

async function result([name, ...given]) {
  try {
    return await ACTS[name](...given);
  } catch (error) {
    return { refused: error.constructor.name };
  }
}

// A refusal is a sentence of its page: here there is none.
globalThis.document = { getElementById: () => ({ content: { textContent: "" } }) };

let input = "";
for await (const part of process.stdin) input += part;
const results = [];
for (const act of JSON.parse(input)) results.push(await result(act));
process.stdout.write(JSON.stringify(results));
