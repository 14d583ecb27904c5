// Errors that do not pass by themselves: the operator has to act.

/** A setting that cannot be used, a missing right or package, another bridge. All other errors are worth another attempt. */
export class PermanentError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PermanentError'
  }
}

/** SQLSTATE classes: refused credentials (28), an unknown database (3D), missing tables and rights (42). */
const PERMANENT_STATES = /^(28|3D|42)[0-9A-Z]{3}$/

/** Whether an error of the bus or the database remains until the operator acts. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof PermanentError) return true
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && PERMANENT_STATES.test(code)
}
