/** Text lines in and out of byte streams. */

import type { ByteStream } from "../base/streams.ts";

/**
 * The lines of UTF-8 text, in batches as they arrive, without line ends; memory holds one chunk and one line.
 * @throws TypeError for bytes that are not UTF-8
 */
export async function* lineBatches(stream: ByteStream): AsyncGenerator<readonly string[], void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield [rest];
}

/** Lines, each with a line end, in chunks of about 64 KiB; a consumer that cancels ends the source. */
export function streamOfLines(lines: AsyncIterator<string> | Iterator<string>): ByteStream {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text = "";
        while (text.length < 65_536) {
          // A sorted array answers at once; awaiting it would cost more than the work.
          const step = lines.next();
          const next = step instanceof Promise ? await step : step;
          if (next.done === true) {
            if (text !== "") controller.enqueue(encoder.encode(text));
            controller.close();
            return;
          }
          text += `${next.value}\n`;
        }
        controller.enqueue(encoder.encode(text));
      },
      async cancel() {
        await lines.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
