// Counts a connection's messages in fixed windows.
import { LIMITS } from '../limits.ts'

export class MessageRate {
  #windowEnds = 0
  #commands = 0
  #chatty = 0

  /** Counts one message; false if that is one too many. */
  allow(isChatty: boolean, now: number): boolean {
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + LIMITS.commandWindow
      this.#commands = 0
      this.#chatty = 0
    }
    if (isChatty) return ++this.#chatty <= LIMITS.chattyCommandsPerWindow
    return ++this.#commands <= LIMITS.commandsPerWindow
  }
}
