/** The table of sources: the tasks' permissions are made from it, and redirects stay within it. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DATASET_HOSTS, hostIsListed, OWN_MIRROR_HOSTS, SOURCES } from "../../../datasets/download/sources.ts";

const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json")) as { tasks: Record<string, string> };
const DASHBOARD_HOSTS = ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

/** Hosts beyond those of the data sets, for every task that may fetch one. */
const MORE_HOSTS: Readonly<Record<string, readonly string[]>> = {
  search: DASHBOARD_HOSTS,
  "search:gpus": DASHBOARD_HOSTS,
  cifar10: [],
  cifar100: [],
  baselines: [],
  swish: [],
  download: OWN_MIRROR_HOSTS,
};

const netOf = (task: string) => /--allow-net=(\S+)/.exec(tasks[task])?.[1].split(",") ?? [];

describe("the sources of data sets", () => {
  for (const [task, more] of Object.entries(MORE_HOSTS)) {
    it(`are the hosts that deno task ${task} may reach, and no others`, () => {
      assertEquals(netOf(task).toSorted(), [...more, ...DATASET_HOSTS].toSorted());
    });
  }

  it("are reached by no other task", () => {
    const others = Object.keys(tasks).filter((task) => !Object.hasOwn(MORE_HOSTS, task));
    assertEquals(others.filter((task) => netOf(task).some((host) => DATASET_HOSTS.includes(host))), []);
  });

  it("each have a checksum, or are checked by what they decode to", () => {
    for (const { files } of Object.values(SOURCES).flat()) {
      for (const { md5, name } of files) assert(md5 !== null || name.endsWith(".parquet"), name);
    }
  });

  it("are of the same files wherever a data set has several mirrors", () => {
    for (const [name, sources] of Object.entries(SOURCES)) {
      const archives = sources.filter(({ files }) => files.every(({ md5 }) => md5 !== null));
      const described = archives.map(({ files }) => JSON.stringify(files.map(({ url: _, ...file }) => file)));
      assertEquals(new Set(described).size, 1, name);
    }
  });

  it("name hosts, or all below a domain", () => {
    const hosts = ["a.org", "*.b.org"];
    assert(hostIsListed("a.org", hosts) && hostIsListed("x.b.org", hosts) && hostIsListed("x.y.b.org", hosts));
    assert(!hostIsListed("x.a.org", hosts) && !hostIsListed("evilb.org", hosts) && !hostIsListed("b.org.evil", hosts));
  });
});
