import { spawn } from "node:child_process";

// $1 owner, $2 server, $3 folder to remove or "". Looks twice a second, ends with the server.
const SCRIPT = `
while kill -0 "$2" 2>/dev/null; do
  if ! kill -0 "$1" 2>/dev/null; then
    kill -9 "$2" 2>/dev/null
    if [ -n "$3" ]; then sleep 1; rm -rf "$3"; fi
    exit
  fi
  sleep 0.5
done`;

/**
 * Makes sure that a server does not outlive this process, however this process ends (also by SIGKILL, and
 * `bun test` runs no exit handlers): a small shell beside us watches both ids, and kills the server by its id
 * when we are gone. It also removes `folder`, the server's throw-away data, in that case.
 */
export function watchOver(serverPid: number, folder = ""): void {
  const args = ["-c", SCRIPT, "watchdog", String(process.pid), String(serverPid), folder];
  // Detached: an interrupt from the terminal must not end the watchdog before its work.
  spawn("sh", args, { detached: true, stdio: "ignore" }).unref();
}

/** Whether a process with this id exists (also one that has ended and is not waited for yet). */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
