// Why a voice client is not, or no longer, in its channel.
import { VoiceClose } from '@parley/protocol'

const NAMES = new Map<number, string>(Object.entries(VoiceClose).map(([name, code]) => [code, name]))

/** The session ended, or never began. The message names close code and reason. */
export class VoiceClosedError extends Error {
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    const name = NAMES.get(code)
    super(
      `voice session closed with ${code}${name === undefined ? '' : ` ${name}`}${reason === '' ? '' : `: ${reason}`}`,
    )
    this.name = 'VoiceClosedError'
    this.code = code
    this.reason = reason
  }
}
