/** The sources of data sets: the tasks' permissions name their hosts, and redirects stay within them. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import config from "../../../deno.json" with { type: "json" };
import { hostIsListed, hostsOf, OWN_MIRROR_HOSTS } from "../../../datasets/download/sources.ts";
import { DATASETS } from "../../../datasets/load.ts";
import { flagsOfTask } from "../../../workers/task_flags.ts";

const DASHBOARD_HOSTS = ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"];

/** What a task may reach besides: the dashboard's own addresses, and the user's own mirror. */
const OTHER_HOSTS: readonly string[] = [...DASHBOARD_HOSTS, ...OWN_MIRROR_HOSTS];

/** Data sets with their sources. */
const SOURCES = Object.entries(DATASETS).flatMap(([name, { sources }]) => sources ? [[name, sources] as const] : []);
const HOSTS = hostsOf(SOURCES.flatMap(([, sources]) => sources));

const starts = Object.entries(config.tasks).filter(([, line]) => !line.includes("&&"))
  .map(([task]) => task);
const netOf = (task: string) =>
  flagsOfTask(task).flatMap((flag) => /^--allow-net=(\S+)/.exec(flag)?.[1].split(",") ?? []);

describe("the sources of data sets", () => {
  const fetching = starts.filter((task) => netOf(task).some((host) => HOSTS.includes(host)));

  it("are reached by the tasks that load data sets", () => {
    const needed = ["search", "search:gpus", "cifar10", "cifar100", "baselines", "swish", "download"];
    assertEquals(needed.filter((task) => !fetching.includes(task)), []);
  });

  it("are the hosts that the task fetch may reach", () => {
    const allowed = netOf("fetch");
    const missing = HOSTS.filter((host) => !allowed.includes(host));
    assertEquals(missing, [], `add ,${missing.join(",")} to --allow-net of the task fetch in deno.json`);
    const idle = allowed.filter((host) => !HOSTS.includes(host));
    assertEquals(idle, [], `no data set comes from ${idle.join(", ")}: remove it from the task fetch in deno.json`);
  });

  for (const task of fetching) {
    it(`are what deno task ${task} may reach besides the dashboard and this machine`, () => {
      const others = netOf(task).filter((host) => !OTHER_HOSTS.includes(host));
      assertEquals(others.toSorted(), netOf("fetch").toSorted());
    });
  }

  it("include this machine for the user's own mirror, where a download may come from one", () => {
    assertEquals(OWN_MIRROR_HOSTS.filter((host) => !netOf("download").includes(host)), []);
  });

  it("each have a checksum, or are checked by what they decode to", () => {
    for (const { files } of SOURCES.flatMap(([, sources]) => sources)) {
      for (const { md5, name } of files) assert(md5 !== null || name.endsWith(".parquet"), name);
    }
  });

  it("are of the same files wherever a data set has several mirrors", () => {
    for (const [name, sources] of SOURCES) {
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
