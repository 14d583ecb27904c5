// The node as a service of systemd, `Type=notify`: readiness, reloads, the end, and a watchdog.
import { SERVER_LIMITS } from '../limits.ts'
import { type NotifySocket, openNotifySocket } from './notify-socket.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Without systemd each method does nothing. */
export class Service {
  readonly #socket: NotifySocket | undefined
  readonly #watchdog: NodeJS.Timeout | undefined

  private constructor(socket: NotifySocket | undefined, interval: number | undefined) {
    this.#socket = socket
    // On the event loop: a node whose loop is blocked sends none, and is restarted.
    if (socket !== undefined && interval !== undefined)
      this.#watchdog = setInterval(() => socket.send('WATCHDOG=1'), interval).unref()
  }

  /** Returns whether notifications are wanted, but cannot be sent, as a sentence. */
  static async open(
    environment: Environment,
    pid: number = process.pid,
  ): Promise<{ service: Service; warning?: string }> {
    const { NOTIFY_SOCKET: address } = environment
    if (address === undefined || address === '') return { service: new Service(undefined, undefined) }
    const socket = await openNotifySocket(address)
    const service = new Service(socket, watchdogInterval(environment, pid))
    if (socket !== undefined) return { service }
    return {
      service,
      warning: 'systemd cannot be notified (koffi is not installed): use Type=exec without WatchdogSec',
    }
  }

  ready(status: string): void {
    this.#socket?.send('READY=1', `STATUS=${oneLine(status)}`)
  }

  /** From a signal to the answer about it. */
  reloading(): void {
    const microseconds = process.hrtime.bigint() / 1_000n
    this.#socket?.send('RELOADING=1', `MONOTONIC_USEC=${microseconds}`)
  }

  /** The node drains: `drainTime` in milliseconds, by which systemd extends its patience. */
  stopping(drainTime: number): void {
    const microseconds = Math.round((drainTime + SERVER_LIMITS.stopTimeout) * 1_000)
    this.#socket?.send('STOPPING=1', 'STATUS=draining', `EXTEND_TIMEOUT_USEC=${microseconds}`)
  }

  close(): void {
    clearInterval(this.#watchdog)
    this.#socket?.close()
  }
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ')

/** Half of WATCHDOG_USEC, as sd_watchdog_enabled(3) recommends; undefined if the watchdog is off or for another process. */
export function watchdogInterval(
  { WATCHDOG_USEC: time, WATCHDOG_PID: of }: Environment,
  pid: number,
): number | undefined {
  const milliseconds = Number(time ?? Number.NaN) / 1_000
  if (!(milliseconds > 0) || (of !== undefined && Number(of) !== pid)) return undefined
  return Math.min(milliseconds / 2, SERVER_LIMITS.maxTimeout)
}
