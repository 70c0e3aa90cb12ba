/** Python for tests that compare with other frameworks, where it is installed. */

/** Runs a script with texts on its standard input. Nothing is thrown where there is no Python. */
export async function python3(
  script: string,
  { input = "", cwd }: { readonly input?: string; readonly cwd?: string } = {},
): Promise<{ readonly ok: boolean; readonly out: string; readonly error: string }> {
  try {
    const child = new Deno.Command("python3", {
      args: ["-c", script],
      cwd,
      env: { KERAS_BACKEND: "jax", JAX_PLATFORMS: "cpu" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
    const { success, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { ok: success, out: text(stdout), error: text(stderr) };
  } catch (error) {
    return { ok: false, out: "", error: (error as Error).message };
  }
}

/** Null where Python has all the modules, else why not, having said so. */
export async function lacksPython(modules: readonly string[]): Promise<string | null> {
  const { ok, error } = await python3(modules.map((name) => `import ${name}`).join("\n"));
  if (ok) return null;
  const reason = `python3 has no ${modules.join(", ")} here (${error.trim().split("\n").at(-1)})`;
  console.log(`not compared: ${reason}`);
  return reason;
}
