/** Whether engines print the text of their kernels to stderr: with ACTSEARCH_PRINT_KERNELS=1, where that may be read. */
export function printsKernels(): boolean {
  const permission = Deno.permissions.querySync({ name: "env", variable: "ACTSEARCH_PRINT_KERNELS" });
  return permission.state === "granted" && Deno.env.get("ACTSEARCH_PRINT_KERNELS") === "1";
}
