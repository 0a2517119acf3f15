/** An HTTP server on a loopback socket that answers as a test says, and remembers what it was asked. */

export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** "silence" never answers. */
export type HttpReply = { readonly status: number; readonly text: string } | "silence";

export interface ScriptedHttp extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
}

export function startHttp(reply: (request: SeenRequest, count: number) => HttpReply): ScriptedHttp {
  const requests: SeenRequest[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const url = new URL(request.url);
      const seen = {
        method: request.method,
        path: url.pathname + url.search,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      };
      requests.push(seen);
      const answer = reply(seen, requests.length);
      if (answer === "silence") return await new Promise<Response>(() => {});
      return new Response(answer.text, { status: answer.status });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port ?? 0,
    requests,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
