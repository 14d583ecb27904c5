// A module hook that adds the `source` condition, so that `@parley/…` means src/index.ts and not dist/index.js.
export function resolve(specifier, context, next) {
  if (!specifier.startsWith('@parley/')) return next(specifier, context)
  return next(specifier, { ...context, conditions: ['source', ...context.conditions] })
}
