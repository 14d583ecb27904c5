// A port that cannot be opened, explained in one sentence.

const REASONS: Record<string, string> = {
  EADDRINUSE: 'is already in use',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EAFNOSUPPORT: 'has an address family that this machine does not support',
  ENOTFOUND: 'is not a known host',
}

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
