import { createServer } from "node:net";

// Below the range that the kernel hands to outgoing connections (32768 and up on Linux): a port found free there could be
// taken by any connection before the server that it was meant for has started.
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

const handedOut = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that nothing listens on and that this process has not been given before.
 * Starts at random, so that test runs beside each other seldom meet.
 */
export async function freePort(): Promise<number> {
  const count = LAST_PORT - FIRST_PORT;
  const offset = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step += 1) {
    const port = FIRST_PORT + ((offset + step) % count);
    if (handedOut.has(port)) continue;
    if (!(await canListen(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT} on 127.0.0.1`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
