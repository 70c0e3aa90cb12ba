/** The table of sources: the tasks' permissions are made from it, and redirects stay within it. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import config from "../../../deno.json" with { type: "json" };
import { DATASET_HOSTS, hostIsListed, OWN_MIRROR_HOSTS, SOURCES } from "../../../datasets/download/sources.ts";
import { flagsOfTask } from "../../../workers/task_flags.ts";

const DASHBOARD_HOSTS = ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

/** What a task may reach besides: the dashboard's own addresses, and the user's own mirror. */
const OTHER_HOSTS: readonly string[] = [...DASHBOARD_HOSTS, ...OWN_MIRROR_HOSTS];

const starts = Object.entries(config.tasks).filter(([, line]) => !line.includes("&&"))
  .map(([task]) => task);
const netOf = (task: string) =>
  flagsOfTask(task).flatMap((flag) => /^--allow-net=(\S+)/.exec(flag)?.[1].split(",") ?? []);

describe("the sources of data sets", () => {
  const fetching = starts.filter((task) => netOf(task).some((host) => DATASET_HOSTS.includes(host)));

  it("are reached by the tasks that load data sets", () => {
    const needed = ["search", "search:gpus", "cifar10", "cifar100", "baselines", "swish", "download"];
    assertEquals(needed.filter((task) => !fetching.includes(task)), []);
  });

  for (const task of fetching) {
    it(`are the hosts that deno task ${task} may reach, and no others`, () => {
      const hosts = netOf(task).filter((host) => !OTHER_HOSTS.includes(host));
      assertEquals(hosts.toSorted(), DATASET_HOSTS.toSorted());
    });
  }

  it("include this machine for the user's own mirror, where a download may come from one", () => {
    assertEquals(OWN_MIRROR_HOSTS.filter((host) => !netOf("download").includes(host)), []);
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
