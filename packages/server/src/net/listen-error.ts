// A port that cannot be opened, explained in one sentence.

/** The system's codes as the end of a sentence that begins with the address. */
const REASONS: Record<string, string> = {
  EADDRINUSE: 'is already in use',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EAFNOSUPPORT: 'has an address family that this machine does not support',
  ENOTFOUND: 'is not a known host',
}

/** The operator's to fix: the command prints the message without a stack, and exits. */
export class ListenError extends Error {
  constructor(sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.name = 'ListenError'
  }

  /** `key` is the setting that names the port. Returns an error without a system code unchanged. */
  static ofPort(key: string, port: string, error: unknown): unknown {
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) return error
    return new ListenError(`${key}: ${port} ${REASONS[code] ?? `cannot be opened (${code})`}`, error)
  }
}
