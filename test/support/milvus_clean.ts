import { type DataMaker, withData } from "./milvus_data.ts";
import type { RpcTarget } from "./milvus_rpc.ts";

/** Drops every collection with its aliases and every database but `default`, so that the next test file finds an empty server. */
export async function dropEverything(target: RpcTarget): Promise<void> {
  await dropCollections(target, () => true);
  for (const database of await databasesOf(target)) {
    if (database === "default") continue;
    await withData(target, database, (data) => data.rpc.call("DropDatabase", { db_name: database }));
  }
}

/** Drops the collections that `choose` picks by their "db.name", with their aliases. */
export async function dropCollections(target: RpcTarget, choose: (name: string) => boolean): Promise<void> {
  const chosen = (await collectionsOf(target)).filter(choose);
  await Promise.all(
    chosen.map(async (fullName) => {
      const [database = "", name = ""] = fullName.split(".");
      await withData(target, database, (data) => dropCollection(data, database, name));
    }),
  );
}

export async function databasesOf(target: RpcTarget): Promise<readonly string[]> {
  return withData(target, "default", async ({ rpc }) => {
    const { db_names } = await rpc.call("ListDatabases", {});
    return [...(db_names as string[])].sort();
  });
}

/** "db.name" of every collection, sorted. */
export async function collectionsOf(target: RpcTarget): Promise<readonly string[]> {
  const names: string[] = [];
  for (const database of await databasesOf(target)) {
    const found = await withData(target, database, (data) => data.collections());
    names.push(...found.map((name) => `${database}.${name}`));
  }
  return names.sort();
}

async function dropCollection(data: DataMaker, database: string, name: string): Promise<void> {
  const scope = { db_name: database };
  const { aliases } = await data.rpc.call("DescribeCollection", { ...scope, collection_name: name }, { database });
  for (const alias of aliases as string[]) await data.rpc.call("DropAlias", { ...scope, alias }, { database });
  await data.drop(name);
}
