/** What hosts and URLs must look like. Each check gives undefined or what is wrong and what to write. */

/** @param tls how this section asks for TLS, for somebody who wrote "https://"; "" when it cannot */
export function hostProblem(host: string, tls: string): string | undefined {
  if (host.includes("://")) {
    const rest = tls === "" ? "" : `, and ${tls} for TLS`;
    return `must not contain "://"; write the host alone${rest}`;
  }
  if (/[\s/]/.test(host)) return "must be a host alone, without blanks and slashes";
  // Two colons and more are an IPv6 address.
  if (/^[^:]*:\d+$/.test(host)) return "must not hold the port; write it as `port`";
  return undefined;
}

/** An absolute http or https URL. */
export function urlProblem(text: string): string | undefined {
  const wanted = "write an absolute URL such as http://localhost:9091";
  if (!/^https?:\/\/[^/?#]/i.test(text) || !URL.canParse(text)) return `is not an http or https URL; ${wanted}`;
  const { username, password, hostname } = new URL(text);
  if (hostname === "") return `names no host; ${wanted}`;
  if (username !== "" || password !== "") return "must not hold a user or password";
  return undefined;
}
