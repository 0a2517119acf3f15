/** File system errors in our codes. */

import { AppError, type ErrorCode, isAppError } from "../../src/base/errors.ts";

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ["NOT_FOUND", "there is no such object"],
  // Part of the key is a file: no object can be below it.
  ENOTDIR: ["NOT_FOUND", "there is no such object"],
  EISDIR: ["NOT_FOUND", "there is no such object, only a directory of this name"],
  EEXIST: ["ALREADY_EXISTS", "the object exists already"],
  EACCES: ["ACCESS_DENIED", "access denied; check the owner and mode of the file and its directories"],
  EPERM: ["ACCESS_DENIED", "not permitted; check the owner and mode of the file and its directories"],
  EROFS: ["READ_ONLY", "the file system is mounted read-only"],
  ENOSPC: ["NO_SPACE", "no space left on the device"],
  EDQUOT: ["NO_SPACE", "the disk quota is used up"],
  EFBIG: ["NO_SPACE", "the file system does not hold files of this size"],
  ENAMETOOLONG: ["INVALID_KEY", "part of the key is longer than a file name may be"],
  EINVAL: ["INVALID_KEY", "the file system refuses the name"],
  EILSEQ: ["INVALID_KEY", "the file system refuses the name"],
  ELOOP: ["ACCESS_DENIED", "symbolic links are not followed below a root path"],
  EMFILE: ["UNAVAILABLE", "too many open files; raise the limit (ulimit -n) or lower the concurrency"],
  ENFILE: ["UNAVAILABLE", "too many open files in the system"],
  ENOMEM: ["UNAVAILABLE", "the system is out of memory"],
  EAGAIN: ["UNAVAILABLE", "the file system is busy"],
  EBUSY: ["UNAVAILABLE", "the file or directory is in use"],
  ETXTBSY: ["UNAVAILABLE", "the file is in use"],
  EINTR: ["UNAVAILABLE", "the call was interrupted"],
  ESTALE: ["UNAVAILABLE", "the network file system lost the file"],
  ETIMEDOUT: ["UNAVAILABLE", "the network file system does not answer"],
  EIO: ["UNAVAILABLE", "input/output error: the disk or network file system is failing"],
};

/** An AppError passes through; an unknown error becomes one that names the system's code. */
export function fsError(error: unknown): unknown {
  if (isAppError(error)) return error;
  const code = systemCode(error);
  if (code === undefined) return error;
  const [appCode, text] = CODES[code] ?? ["UNAVAILABLE", "the file system call failed"];
  // A disk that reports EIO does not get better by asking again at once.
  return new AppError(
    appCode,
    `${text} (${code})`,
    code === "EIO" ? { cause: error, retriable: false } : { cause: error },
  );
}

/** "ENOENT" of a failed system call, undefined for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return /^E[A-Z0-9]+$/.test(error.code) ? error.code : undefined;
}

export function isSystemError(error: unknown, ...codes: readonly string[]): boolean {
  const code = systemCode(error);
  return code !== undefined && codes.includes(code);
}
