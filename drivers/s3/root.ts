/** What the calls of one opened root share. */

import type { Logger } from "../../src/base/log.ts";
import { ByteBudget } from "../../src/storage/byte_budget.ts";
import type { ObjectKey } from "../../src/storage/driver.ts";
import { objectKey, relativeKey } from "../../src/storage/key.ts";
import { Control } from "./control.ts";
import { CopyChecksum } from "./copy_checksum.ts";
import { credentialSource } from "./credentials.ts";
import { Http } from "./http.ts";
import type { Settings } from "./options.ts";
import { WireCheckChoice } from "./wire_check.ts";

export interface Root {
  readonly settings: Settings;
  readonly http: Http;
  readonly control: Control;
  readonly check: WireCheckChoice;
  readonly copyChecksum: CopyChecksum;
  readonly budget: ByteBudget;
  readonly log: Logger;
  /** Below the root path -> in the bucket. @throws INVALID_KEY for what no key can be, whatever its type says */
  nativeKey(key: string): string;
  /** The same for the prefix of a listing, "" or ending with "/". */
  nativePrefix(prefix: string): string;
  /** In the bucket -> below the root path. @throws INVALID_KEY */
  relative(nativeKey: string): ObjectKey;
}

// Eight parts: two uploads of four parts each proceed at full speed, more share. With 8 MiB parts that is 64 MiB.
const PARTS_IN_MEMORY = 8;

export function createRoot(settings: Settings, log: Logger): Root {
  const control = new Control(settings);
  const credentials = credentialSource(settings.auth, () => control.chain());
  control.use(credentials);
  const { rootPrefix, provider, wireCheck } = settings;
  // Who switched checksum headers off on uploads has a service that does not take them.
  const copyCrc32 = wireCheck === "crc32" ? provider.copyCrc32 : { whole: false, parts: false };
  return {
    settings,
    http: new Http(settings, credentials),
    control,
    check: new WireCheckChoice(settings.wireCheck, settings.wireCheckMayWeaken, log),
    copyChecksum: new CopyChecksum(copyCrc32, log),
    budget: new ByteBudget(PARTS_IN_MEMORY * settings.partBytes),
    log,
    nativeKey: (key) => `${rootPrefix}${objectKey(key)}`,
    nativePrefix: (prefix) => `${rootPrefix}${prefix}`,
    relative: (nativeKey) => (rootPrefix === "" ? objectKey(nativeKey) : relativeKey(nativeKey, rootPrefix)),
  };
}
