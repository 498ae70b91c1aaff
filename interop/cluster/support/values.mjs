// What JSON cannot say, said in JSON (CONTRACT.md §2).

/** From a line to values. */
export function read(value) {
  if (Array.isArray(value)) return value.map(read);
  if (!value || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return Buffer.from(value.$bytes, "base64");
  if (typeof value.$date === "string") return new Date(value.$date);
  if (typeof value.$integer === "string") return Number(value.$integer);
  if (value.$undefined) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, read(inner)]));
}

/** From values to a line. */
export function write(value) {
  if (value === undefined) return { $undefined: true };
  if (value instanceof ArrayBuffer) return { $bytes: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (value instanceof Date) return { $date: value.toISOString() };
  if (Array.isArray(value)) return value.map(write);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, write(inner)]));
}

/** A whole number by its digits: too large for JavaScript's, and what is not there. */
export const integer = (digits) => ({ $integer: digits });
export const missing = { $undefined: true };
