// Groups of packets that left together, and how much later than the group before each arrived (draft-ietf-rmcat-gcc-02 §5.2).

/** Packets that leave within this time are one group (burst_time of the draft), in milliseconds. */
const BURST = 5
/** A burst that a queue released at once lasts at most this long. */
const LONGEST_BURST = 100
/** A receiver's clock that steps back or ahead by more than this starts the measurement over. */
const LONGEST_STEP = 3_000

/** Compares one group with the one before. Per packet: no allocation. */
export class PacketGroups {
  #firstSent = -Infinity
  #lastSent = -Infinity
  #firstArrival = -Infinity
  #lastArrival = -Infinity
  #previousSent = -Infinity
  #previousArrival = -Infinity
  /** Of the last complete group: time since the one before at the sender and at the receiver, and when it arrived. */
  sentDelta = 0
  arrivalDelta = 0
  arrival = 0

  /** A packet was reported, in the order of sending. Returns true if it completes a group: then the deltas are those of that group. */
  add(sent: number, arrival: number): boolean {
    if (this.#lastSent === -Infinity) return this.#begin(sent, arrival)
    const step = arrival - this.#lastArrival - (sent - this.#lastSent)
    if (Math.abs(step) > LONGEST_STEP) return this.#restart(sent, arrival)
    if (this.#belongs(sent, arrival)) {
      this.#lastSent = Math.max(this.#lastSent, sent)
      this.#lastArrival = Math.max(this.#lastArrival, arrival)
      return false
    }
    return this.#complete(sent, arrival)
  }

  #begin(sent: number, arrival: number): false {
    this.#firstSent = this.#lastSent = sent
    this.#firstArrival = this.#lastArrival = arrival
    return false
  }

  #restart(sent: number, arrival: number): false {
    this.#previousSent = -Infinity
    return this.#begin(sent, arrival)
  }

  /** Sent in the same burst, or released by the same queue: it arrived with less distance than it was sent. */
  #belongs(sent: number, arrival: number): boolean {
    if (sent - this.#firstSent <= BURST) return true
    const arrivalDelta = arrival - this.#lastArrival
    const isReleased = arrivalDelta < sent - this.#lastSent && arrivalDelta <= BURST
    return isReleased && arrival - this.#firstArrival < LONGEST_BURST
  }

  #complete(sent: number, arrival: number): boolean {
    const hasPrevious = this.#previousSent > -Infinity
    this.sentDelta = this.#lastSent - this.#previousSent
    this.arrivalDelta = this.#lastArrival - this.#previousArrival
    this.arrival = this.#lastArrival
    this.#previousSent = this.#lastSent
    this.#previousArrival = this.#lastArrival
    this.#begin(sent, arrival)
    return hasPrevious
  }
}
