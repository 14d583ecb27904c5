// A module hook of a checkout: `@parley/…` resolves to the TypeScript source of that workspace, where an installed package has `dist`.
const WORKSPACE = /^@parley\/([a-z]+)(?:\/([a-z-]+))?$/

/** Every entry point NAME of a package is `src/NAME.ts`; the one without a name is `src/index.ts`. */
export function resolve(specifier, context, next) {
  const [, workspace, entry = 'index'] = WORKSPACE.exec(specifier) ?? []
  if (workspace === undefined) return next(specifier, context)
  return next(new URL(`../../${workspace}/src/${entry}.ts`, import.meta.url).href, context)
}
