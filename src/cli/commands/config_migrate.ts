import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { Command, Option } from "clipanion";
import { AppError } from "../../base/errors.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import type { View } from "../view.ts";

/** The document holds the secrets of the v1 file. */
const OWNER_ONLY = 0o600;

export class ConfigMigrateCommand extends BaseCommand {
  static override paths = [["config", "migrate"]];
  static override usage = Command.Usage({
    category: "Setup",
    description: "Write a v1 configuration file anew in the v2 schema",
    details: `
      The document goes to standard output or to --output, what is worth knowing about it to standard error. It holds the
      secrets of the v1 file in clear text; those that came from environment variables are left out, and named.

      ${EXIT_STATUS_HELP}
    `,
    examples: [["Into a new file", "$0 config migrate --config old.yaml -o configs/backup.yaml"]],
  });

  readonly commandName = "config migrate";
  output = Option.String("-o,--output", { description: "File to write; - or nothing for standard output." });
  force = Option.Boolean("--force", false, { description: "Replace an existing file." });
  strict = Option.Boolean("--strict", false, { description: "Write nothing when the result is not a valid v2 file." });

  protected override async run(view: View): Promise<void> {
    const migrated = await this.context.runtime.migrateConfig(this.config, (line) => view.note(line));
    for (const line of migrated.report) view.note(line);
    if (this.strict && migrated.problems.length > 0) {
      throw new AppError(
        "CONFIG_INVALID",
        `--strict: nothing was written, the result is not valid: ${migrated.problems.join("; ")}`,
      );
    }
    const file = this.output === undefined || this.output === "" || this.output === "-" ? undefined : this.output;
    if (file === undefined) {
      view.result({ document: migrated.document }, () => migrated.document);
      return;
    }
    await writeOwnerOnly(file, migrated.document, this.force);
    view.note(`wrote v2 config to ${file}`);
    view.result({ file }, () => "");
  }
}

/** @throws ALREADY_EXISTS, ACCESS_DENIED */
async function writeOwnerOnly(path: string, content: string, replace: boolean): Promise<void> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_EXCL } = constants;
  try {
    const flags = O_WRONLY | O_CREAT | (replace ? O_TRUNC : O_EXCL);
    await using file = await open(path, flags, OWNER_ONLY);
    await file.writeFile(content);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EEXIST") {
      throw new AppError("ALREADY_EXISTS", `${path} already exists, use --force to overwrite`, { cause: error });
    }
    throw new AppError("ACCESS_DENIED", `${path} cannot be written (${String(code)})`, { cause: error });
  }
}
