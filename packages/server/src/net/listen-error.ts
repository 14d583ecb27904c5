// A port that cannot be opened, told in one sentence.

const REASONS: Record<string, string> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'may not be opened by this user',
  EADDRNOTAVAIL: 'is not an address of this machine',
  EAFNOSUPPORT: 'is of an address family this machine does not have',
  ENOTFOUND: 'is no known host',
}

export class ListenError extends Error {
  constructor(sentence: string, cause?: unknown) {
    super(sentence, { cause })
    this.name = 'ListenError'
  }

  /** `key` is the setting that names the port; an error that is not the system's is passed on as it is. */
  static ofPort(key: string, port: string, error: unknown): unknown {
    const code = (error as NodeJS.ErrnoException).code
    if (code === undefined) return error
    return new ListenError(`${key}: ${port} ${REASONS[code] ?? `cannot be opened (${code})`}`, error)
  }
}
