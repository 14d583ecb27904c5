// Which of the node's transport encryption modes a client uses.
import { VoiceMode } from '@parley/protocol'

const MODES: ReadonlySet<string> = new Set(Object.values(VoiceMode))

/** Whether this client supports the mode of this name. */
export const isMode = (name: string): name is VoiceMode => MODES.has(name)

/** The mode `wanted`, or else the first that this client supports. Throws an Error if the node does not offer it. */
export function chooseMode(offered: readonly string[], wanted: VoiceMode | undefined): VoiceMode {
  const mode = offered.find((name): name is VoiceMode => (wanted === undefined ? isMode(name) : name === wanted))
  if (mode !== undefined) return mode
  const expected = wanted === undefined ? 'a supported mode' : `mode ${wanted}`
  throw new Error(`expected ${expected}, found ${offered.join(', ')}`)
}
