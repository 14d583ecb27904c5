// Messages to systemd (sd_notify(3)): one datagram each to the Unix socket that NOTIFY_SOCKET names. Node.js has no datagram
// sockets of that family, so libc's are called through koffi, which the ffi engine uses anyway.

const AF_UNIX = 1
const SOCK_DGRAM = 2
/** A full socket must not block the node. */
const MSG_DONTWAIT = 0x40
/** `sun_path` has 108 bytes, of which the last is a zero. */
const MAX_PATH = 107
/** `sa_family_t`. */
const FAMILY = 2

type Call = (...values: unknown[]) => number

export interface NotifySocket {
  /** Lines such as `READY=1`. Returns false if the datagram was not sent. */
  send(...lines: readonly string[]): boolean
  close(): void
}

/** Undefined if the address is not that of a Unix socket, or koffi or the socket cannot be used. */
export async function openNotifySocket(address: string): Promise<NotifySocket | undefined> {
  const target = socketAddress(address)
  if (target === undefined) return undefined
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load(null)
    const sendto = libc.func('sendto', 'int', ['int', 'void *', 'size_t', 'int', 'void *', 'uint']) as Call
    const close = libc.func('close', 'int', ['int']) as Call
    const descriptor = (libc.func('socket', 'int', ['int', 'int', 'int']) as Call)(AF_UNIX, SOCK_DGRAM, 0)
    if (descriptor < 0) return undefined
    return {
      send: (...lines) => {
        const text = Buffer.from(lines.join('\n'))
        return sendto(descriptor, text, text.length, MSG_DONTWAIT, target, target.length) === text.length
      },
      close: () => void close(descriptor),
    }
  } catch {
    return undefined
  }
}

/** `struct sockaddr_un`. An address that begins with `@` is in the abstract namespace, where the first byte is a zero. */
export function socketAddress(address: string): Buffer | undefined {
  const path = Buffer.from(address)
  if (path.length < 2 || path.length > MAX_PATH || !/^[/@]/.test(address)) return undefined
  const isAbstract = address.startsWith('@')
  const bytes = Buffer.alloc(FAMILY + path.length + (isAbstract ? 0 : 1))
  new Uint16Array(bytes.buffer, bytes.byteOffset, 1)[0] = AF_UNIX
  path.copy(bytes, FAMILY)
  if (isAbstract) bytes[FAMILY] = 0
  return bytes
}
