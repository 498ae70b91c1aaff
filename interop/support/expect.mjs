import assert from "node:assert/strict";

export const onNode = (process.env.SERVER_LABEL ?? (process.env.SERVER_CMD ? "" : "node")) === "node";

/** What is expected: `wanted`, except of Node, which is known to do something else. */
export const deviation = (wanted, node) => (onNode ? node : wanted);

/** Equal, whatever kind of buffer a client hands out. */
export function same(actual, expected, message) {
  assert.deepEqual(plain(actual), plain(expected), message);
}

/** The arguments of an acknowledgement that reports a failure (CONTRACT.md §3). */
export function failed(args, message) {
  assert.equal(args.length, 1, `one argument: ${JSON.stringify(args)}`);
  assert.equal(typeof args[0]?.error?.message, "string", `not an error: ${JSON.stringify(args)}`);
  if (message !== undefined) assert.equal(args[0].error.message, message);
}

function plain(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}

export const range = (n) => Array.from({ length: n }, (_, i) => i);
