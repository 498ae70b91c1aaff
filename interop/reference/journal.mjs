// The events of section 3 of CONTRACT.md that are about several nodes, and proxies before them.
import { appendFileSync } from "node:fs";
import { BlockList, isIPv6 } from "node:net";

export function journal(http, values) {
  const trusted = new BlockList();
  for (const net of values["trust-proxies"]?.split(",") ?? []) {
    const [address, prefix] = net.split("/");
    trusted.addSubnet(address, Number(prefix), isIPv6(address) ? "ipv6" : "ipv4");
  }
  const trusts = (address) => trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  const node = () => http.address().port;

  return (socket) => ({
    connection(_, ack) {
      const { address: peer, headers, secure } = socket.handshake;
      const said = trusts(peer) ? (headers["x-forwarded-for"] ?? "").split(",").map((text) => text.trim()).filter(Boolean) : [];
      const scheme = trusts(peer) && headers["x-forwarded-proto"];
      ack({
        node: node(),
        address: said.findLast((address) => !trusts(address)) ?? peer,
        secure: scheme ? scheme === "https" : secure,
        transport: socket.conn.transport.name,
      });
    },
    record([client, number], ack) {
      if (!values.record) throw new Error("there is no record");
      appendFileSync(values.record, `${node()} ${client} ${number}\n`);
      ack();
    },
  });
}
