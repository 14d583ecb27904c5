// Limits on what the client of one voice state may send, over all its connections and sessions.
import { LIMITS } from '../../limits.ts'
import { MessageRate } from '../../message-rate.ts'

/** A window's worth at once, and as much per window on average. */
const rateOf = (perWindow: number, now: number) =>
  new MessageRate(perWindow / (LIMITS.commandWindow / 1_000), perWindow, now)

export class ClientRates {
  readonly commands: MessageRate
  /** Frequent opcodes. */
  readonly chatter: MessageRate
  /** Characters of text messages. */
  readonly text: MessageRate
  /** Identify and Resume with a valid token. */
  readonly attempts: MessageRate

  constructor(now: number) {
    this.commands = rateOf(LIMITS.commandsPerWindow, now)
    this.chatter = rateOf(LIMITS.chattyCommandsPerWindow, now)
    this.text = rateOf(LIMITS.textPerWindow, now)
    this.attempts = rateOf(LIMITS.attemptsPerWindow, now)
  }
}
