// The command line of section 1 of CONTRACT.md.
import { parseArgs } from "node:util";

const text = (value) => ({ type: "string", ...(value === undefined ? {} : { default: value }) });

export function options(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      port: text("0"),
      "watch-stdin": text("false"),
      path: text("/socket.io"),
      transports: text("polling,websocket"),
      "allow-eio3": text("true"),
      "ping-interval": text("25000"),
      "ping-timeout": text("20000"),
      "upgrade-timeout": text("10000"),
      "connect-timeout": text("45000"),
      "max-payload": text("1000000"),
      parser: text("json"),
      cookie: text(),
      "sid-prefix": text(),
      "initial-header": text(),
      header: text(),
      "client-dir": text(),
      recovery: text(),
      "trust-proxies": text(),
      record: text(),
      drain: text("200"),
    },
  });
  return values;
}

/** What npm's `Server` takes for it. */
export function serverOptions(values, parser) {
  return {
    path: values.path,
    transports: values.transports.split(","),
    allowEIO3: values["allow-eio3"] === "true",
    pingInterval: Number(values["ping-interval"]),
    pingTimeout: Number(values["ping-timeout"]),
    upgradeTimeout: Number(values["upgrade-timeout"]),
    connectTimeout: Number(values["connect-timeout"]),
    maxHttpBufferSize: Number(values["max-payload"]),
    serveClient: values["client-dir"] !== undefined,
    ...(values.cookie ? { cookie: { name: values.cookie, path: "/", httpOnly: true, sameSite: "lax" } } : {}),
    ...(parser ? { parser } : {}),
    ...(values.recovery ? { connectionStateRecovery: { maxDisconnectionDuration: Number(values.recovery) } } : {}),
  };
}

export function header(option) {
  const colon = option.indexOf(":");
  return [option.slice(0, colon), option.slice(colon + 1)];
}
