// A certificate authority for tests: just enough of X.509 and DER.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const tlv = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const size = [body.length >> 8, body.length & 255].slice(body.length < 256 ? 1 : 0);
  return Buffer.concat([Buffer.from(body.length < 128 ? [tag, body.length] : [tag, 0x80 + size.length, ...size]), body]);
};
const sequence = (...parts) => tlv(0x30, ...parts);
const set = (...parts) => tlv(0x31, ...parts);
const oid = (...bytes) => tlv(0x06, Buffer.from(bytes));
const octets = (...parts) => tlv(0x04, ...parts);
const bits = (bytes) => tlv(0x03, Buffer.from([0]), bytes);
const time = (date) => tlv(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, "")));
const TRUE = tlv(0x01, Buffer.from([0xff]));
const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));

const name = (text) => sequence(set(sequence(oid(0x55, 0x04, 0x03), tlv(0x0c, Buffer.from(text)))));
const extension = (id, critical, value) => sequence(oid(0x55, 0x1d, id), ...(critical ? [TRUE] : []), octets(value));

/** A certificate with its key; by `issuer`, or else by itself. A CA, or one of `localhost` and `127.0.0.1`. */
function certify(subject, issuer, isAuthority) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const keyId = createHash("sha1").update(spki).digest();
  const hosts = sequence(tlv(0x82, Buffer.from("localhost")), tlv(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = isAuthority
    ? [extension(0x13, true, sequence(TRUE)), extension(0x0e, false, octets(keyId))]
    : [extension(0x11, false, hosts), extension(0x23, false, sequence(tlv(0x80, issuer.keyId)))];
  const day = 24 * 60 * 60 * 1000;
  const content = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), // version 3
    tlv(0x02, Buffer.from([1]), randomBytes(8)), // a serial number, positive
    ECDSA_SHA256,
    name(issuer?.subject ?? subject),
    sequence(time(new Date(Date.now() - day)), time(new Date(Date.now() + day))),
    name(subject),
    spki,
    tlv(0xa3, sequence(...extensions)),
  );
  const by = issuer?.privateKey ?? privateKey;
  const der = sequence(content, ECDSA_SHA256, bits(sign("sha256", content, by)));
  const base64 = der.toString("base64").replace(/.{1,64}/g, "$&\n");
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}-----END CERTIFICATE-----\n`;
  return { subject, keyId, privateKey, pem, key: privateKey.export({ type: "pkcs8", format: "pem" }) };
}

/** `{ ca, certificate, key }` in PEM: the certificate is of `localhost` and `127.0.0.1`, for a day. */
export function authority() {
  const root = certify("Test CA", undefined, true);
  const { pem, key } = certify("localhost", root, false);
  return { ca: root.pem, certificate: pem, key };
}
