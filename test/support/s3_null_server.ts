/**
 * An S3 service that stores nothing and answers at once, for measuring what a client costs. A process of its own:
 * `bun test/support/s3_null_server.ts` prints its port. Uploads are thrown away, downloads are zeros (as many as a key
 * like "zeros-1048576" says, else 64 KiB), listings have one full page. Raw TCP, because a real HTTP server would be the slower side.
 */

const OBJECT_BYTES = 64 * 1024;
const ETAG = "0123456789abcdef0123456789abcdef";
const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";

const ZEROS = Buffer.alloc(1024 * 1024);
const ANSWERS = {
  put: answer("", [`ETag: "${ETAG}"`]),
  get: answer(Buffer.alloc(OBJECT_BYTES), [`ETag: "${ETAG}"`, `Last-Modified: ${DATE}`]),
  // With a checksum, as MinIO has of a copy that was asked for one.
  head: answer("", [`ETag: "${ETAG}"`, `Last-Modified: ${DATE}`, "x-amz-checksum-crc32: AAAAAA=="], OBJECT_BYTES),
  copy: answer(
    `<?xml version="1.0" encoding="UTF-8"?>\n<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&#34;${ETAG}&#34;</ETag></CopyObjectResult>`,
    ["Content-Type: application/xml"],
  ),
  begin: answer("<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>", []),
  complete: answer(`<CompleteMultipartUploadResult><ETag>${ETAG}-1</ETag></CompleteMultipartUploadResult>`, []),
  list: answer(listing(1000), ["Content-Type: application/xml"]),
  delete: Buffer.from("HTTP/1.1 204 No Content\r\n\r\n"),
} as const;

interface Connection {
  /** Bytes of a head that has not come whole yet. */
  head: string;
  /** Bytes of an upload still to come. */
  rest: number;
  reply: readonly Buffer[] | undefined;
  /** Answers the socket had no room for. */
  readonly queue: Buffer[];
}

const server = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { head: "", rest: 0, reply: undefined, queue: [] };
    },
    data(socket, received) {
      const connection = socket.data;
      let chunk = received;
      while (chunk.length > 0) {
        if (connection.reply === undefined) {
          connection.head += chunk.toString("latin1");
          const end = connection.head.indexOf("\r\n\r\n");
          if (end < 0) return;
          const after = connection.head.length - end - 4;
          const head = connection.head.slice(0, end);
          connection.head = "";
          connection.reply = answerTo(head);
          connection.rest = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
          chunk = chunk.subarray(chunk.length - after);
        }
        const taken = Math.min(connection.rest, chunk.length);
        connection.rest -= taken;
        chunk = chunk.subarray(taken);
        if (connection.rest > 0) return;
        connection.queue.push(...connection.reply);
        connection.reply = undefined;
        flush(socket);
      }
    },
    drain: flush,
  },
});

function answerTo(head: string): readonly Buffer[] {
  if (head.startsWith("GET")) {
    const size = /^GET \S*\/zeros-(\d+)/.exec(head)?.[1];
    if (size !== undefined) return zeros(Number(size));
    return [head.includes("list-type=2") ? ANSWERS.list : ANSWERS.get];
  }
  if (head.startsWith("HEAD")) return [ANSWERS.head];
  if (head.startsWith("DELETE")) return [ANSWERS.delete];
  if (head.startsWith("POST")) return [head.includes("uploadId=") ? ANSWERS.complete : ANSWERS.begin];
  return [/\r\nx-amz-copy-source:/i.test(head) ? ANSWERS.copy : ANSWERS.put];
}

/** The same zeros over and over: a large answer takes no memory. */
function zeros(size: number): readonly Buffer[] {
  const parts = Array.from({ length: Math.floor(size / ZEROS.length) }, () => ZEROS);
  return [answer("", [`ETag: "${ETAG}"`], size), ...parts, ZEROS.subarray(0, size % ZEROS.length)];
}

function flush(socket: Bun.Socket<Connection>): void {
  const { queue } = socket.data;
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const written = socket.write(next);
    if (written < next.length) {
      queue.unshift(next.subarray(Math.max(0, written)));
      return;
    }
  }
}

function answer(body: string | Buffer, headers: readonly string[], length = body.length): Buffer {
  const head = ["HTTP/1.1 200 OK", ...headers, `Content-Length: ${length}`, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

function listing(count: number): string {
  const entries = Array.from({ length: count }, (_, index) => {
    const key = `files/insert_log/44512345678901${index}/44512345678902/44512345678903/100/44512345678${index}`;
    return `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&#34;${ETAG}&#34;</ETag><Size>${OBJECT_BYTES}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name><Prefix></Prefix><KeyCount>${count}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${entries.join("")}<EncodingType>url</EncodingType></ListBucketResult>`;
}

process.stdout.write(`${server.port}\n`);
