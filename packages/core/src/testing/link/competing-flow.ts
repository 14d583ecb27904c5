// Another flow on an emulated link: a TCP download that fills the queue, or traffic at a constant rate.
import type { LinkEmulator, Packet } from './link-emulator.ts'
import type { Timed } from './virtual-time.ts'

const PACKET = 1_200
/** Milliseconds without an acknowledgement after which the window starts over. */
const TIMEOUT = 1_000

/** Sends `rate` bits per second whatever is lost. */
export class ConstantFlow implements Timed {
  readonly #link: LinkEmulator<Packet>
  /** Milliseconds between two packets. */
  readonly #interval: number
  deadline: number

  /** `rate` in bits per second; `start` in milliseconds of the virtual clock. */
  constructor(link: LinkEmulator<Packet>, rate: number, start: number) {
    this.#link = link
    this.#interval = (PACKET * 8_000) / rate
    this.deadline = start
  }

  tick(now: number): void {
    this.deadline += this.#interval
    this.#link.send({}, PACKET, now)
  }
}

/** Reno: the window grows by a packet per turnaround, and halves when a packet is lost. */
export class TcpFlow implements Timed {
  readonly #link: LinkEmulator<Packet>
  /** Milliseconds that an acknowledgement takes. The way back has no queue and no loss. */
  readonly #delayBack: number
  /**
   * Packets that may be unacknowledged. It grows without slow start: only the steady state matters to a competing
   * video.
   */
  #window = 4
  #inFlight = 0
  /** The window halves at most once per two ways back, as a burst of losses is one congestion. */
  #halvedAt = -Infinity
  #lastAcknowledgement: number
  readonly #acknowledgements: { at: number; number: number }[] = []
  #next = 0
  #expected = 0
  arrivedBytes = 0

  constructor(link: LinkEmulator<Packet>, delayBack: number, start: number) {
    this.#link = link
    this.#delayBack = delayBack
    this.#lastAcknowledgement = start
  }

  /** Now while the window has room, else at the next acknowledgement, at the latest after `TIMEOUT`. */
  get deadline(): number {
    if (this.#inFlight < Math.floor(this.#window)) return -Infinity
    return Math.min(this.#acknowledgements[0]?.at ?? Infinity, this.#lastAcknowledgement + TIMEOUT)
  }

  tick(now: number): void {
    while (this.#acknowledgements[0] !== undefined && this.#acknowledgements[0].at <= now)
      this.#acknowledge(this.#acknowledgements.shift()!.number, now)
    if (now - this.#lastAcknowledgement >= TIMEOUT) this.#startOver(now)
    for (; this.#inFlight < Math.floor(this.#window); this.#inFlight++) this.#send(now)
  }

  #send(now: number): void {
    const number = this.#next++
    this.#link.send({ arrived: at => this.#arrived(number, at) }, PACKET, now)
  }

  #arrived(number: number, now: number): void {
    this.arrivedBytes += PACKET
    this.#acknowledgements.push({ at: now + this.#delayBack, number })
  }

  /** A gap in the numbers is a loss: packets do not overtake each other. */
  #acknowledge(number: number, now: number): void {
    const lost = number - this.#expected
    this.#expected = number + 1
    this.#inFlight = Math.max(0, this.#inFlight - 1 - Math.max(0, lost))
    this.#lastAcknowledgement = now
    this.#window += 1 / this.#window
    if (lost <= 0 || now - this.#halvedAt < 2 * this.#delayBack) return
    this.#halvedAt = now
    this.#window = Math.max(2, this.#window / 2)
  }

  /** Everything in flight was lost: begin with two packets, and expect the next number. */
  #startOver(now: number): void {
    this.#lastAcknowledgement = now
    this.#window = 2
    this.#inFlight = 0
    this.#expected = this.#next
  }
}
