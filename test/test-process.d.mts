export function runFiles(
  files: readonly string[],
  options: { readonly deadline: number; readonly after?: Promise<unknown> },
): Promise<boolean>
