/** Runs as earlier versions left them, kept in stores/. */
import { inFolder } from "../../commands/command_line.ts";

const STORES = `${import.meta.dirname}/stores/`;

/** With a copy of a store as `runs/NAME` of a folder, since opening brings it to this version. */
export function withStore(
  version: "v1" | "v2",
  name: string,
  test: (cwd: string, folder: string) => Promise<void> | void,
): Promise<void> {
  return inFolder(async (cwd) => {
    const folder = `${cwd}/runs/${name}`;
    await Deno.mkdir(folder, { recursive: true });
    for (const { name: file } of Deno.readDirSync(`${STORES}${version}/${name}`)) {
      await Deno.copyFile(`${STORES}${version}/${name}/${file}`, `${folder}/${file}`);
    }
    await test(cwd, folder);
  });
}
