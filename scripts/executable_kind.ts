/**
 * What an executable file is for, by its header: "elf arm64 musl", "mach-o x64", "pe x64"; "unknown" for anything else.
 * Formats: ELF e_machine, Mach-O cputype, PE Machine.
 */
export function describeExecutable(file: Uint8Array): string {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0);
  if (magic === 0x7f454c46) {
    const machine = { 62: "x64", 183: "arm64" }[view.getUint16(18, true)] ?? "unknown";
    // The program interpreter's path stands close behind the headers.
    const head = Buffer.from(file.subarray(0, 8192)).toString("latin1");
    return `elf ${machine} ${head.includes("/ld-musl-") ? "musl" : "glibc"}`;
  }
  if (magic === 0xcffaedfe) {
    return `mach-o ${{ 16777223: "x64", 16777228: "arm64" }[view.getUint32(4, true)] ?? "unknown"}`;
  }
  if (magic >>> 16 === 0x4d5a) {
    const header = view.getUint32(0x3c, true);
    return `pe ${{ 34404: "x64", 43620: "arm64" }[view.getUint16(header + 4, true)] ?? "unknown"}`;
  }
  return "unknown";
}
