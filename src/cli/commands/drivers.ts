import { Command } from "clipanion";
import { AppError } from "../../base/errors.ts";
import type { DriverDefinition } from "../../storage/driver.ts";
import { BaseCommand, EXIT_STATUS_HELP } from "../base_command.ts";
import { formatTable } from "../format.ts";
import type { View } from "../view.ts";

export class DriversCommand extends BaseCommand {
  static override paths = [["drivers"]];
  static override usage = Command.Usage({
    category: "Setup",
    description: "List the storage drivers and their options",
    details: `Plugin drivers are listed with --plugin FILE.\n\n${EXIT_STATUS_HELP}`,
    examples: [
      ["Built-in drivers", "$0 drivers"],
      ["With a plugin", "$0 drivers --plugin ./my_driver.ts"],
    ],
  });

  readonly commandName = "drivers";

  protected override async run(view: View): Promise<void> {
    const drivers = await this.context.runtime.drivers(this.plugin, (line) => view.note(line));
    view.result({ drivers: drivers.map(toJson) }, () => drivers.map(toText).join("\n\n"));
  }
}

function toJson(driver: DriverDefinition): object {
  const { name, aliases = [], description, options } = driver;
  return { name, aliases, description, options };
}

function toText(driver: DriverDefinition): string {
  const aliases = driver.aliases === undefined ? "" : ` (also ${driver.aliases.join(", ")})`;
  const rows = Object.entries(driver.options).map(([key, option]) => [
    `  ${key}`,
    option.choices?.join("|") ?? option.type,
    option.required === true ? "required" : option.default === undefined ? "" : `default ${option.default}`,
    option.description,
  ]);
  return [`${driver.name}${aliases}: ${driver.description}`, ...(rows.length === 0 ? [] : [formatTable(rows)])].join(
    "\n",
  );
}

const MARK = { passed: "ok     ", failed: "FAILED ", skipped: "skipped" } as const;

export class DriversTestCommand extends BaseCommand {
  static override paths = [["drivers", "test"]];
  static override usage = Command.Usage({
    category: "Setup",
    description: "Run the driver conformance cases against the configured backup root path",
    details: `
      Meant for authors of plugin drivers. Every case works below its own prefix and removes what it wrote; use a root path
      that holds nothing else.

      ${EXIT_STATUS_HELP}
    `,
    examples: [["A plugin driver", "$0 drivers test --plugin ./my_driver.ts --config ./my.yaml"]],
  });

  readonly commandName = "drivers test";

  protected override async run(view: View): Promise<void> {
    await this.withSession(view, async (session) => {
      const cases = await this.context.runtime.testDriver(session, ({ name, outcome, message }) => {
        const note = message === undefined ? "" : `: ${message}`;
        view.note(`${MARK[outcome]} ${name}${note}`);
      });
      const failed = cases.filter((result) => result.outcome === "failed").length;
      const data = { passed: cases.filter((result) => result.outcome === "passed").length, failed, cases };
      const text = (): string => `${data.passed} passed, ${data.failed} failed`;
      view.result(data, text);
      if (failed > 0) throw new AppError("PLUGIN_INVALID", `${failed} conformance cases failed`);
    });
  }
}
