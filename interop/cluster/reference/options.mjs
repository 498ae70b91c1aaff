const NUMBERS = [
  "number",
  "request-timeout",
  "recovery",
  "streams",
  "max-length",
  "payload-threshold",
  "heartbeat-interval",
  "heartbeat-timeout",
  "cleanup-interval",
];
const TEXTS = ["adapter", "url", "ca", "prefix", "id-prefix", "specific-responses"];

/** The command line of section 1 of the contract. */
export function options(words) {
  const given = { number: 0, namespaces: ["/"] };
  for (let i = 0; i < words.length; i += 2) {
    const [name, value] = [words[i].replace(/^--/, ""), words[i + 1]];
    if (NUMBERS.includes(name)) given[name] = Number(value);
    else if (TEXTS.includes(name)) given[name] = value;
    else if (name === "namespaces") given[name] = JSON.parse(value);
    else {
      console.error(`no such option: ${words[i]}`);
      process.exit(2);
    }
  }
  return given;
}
