// Which packet engine a node runs, and why.
import type { Engine } from '../thread/thread-messages.ts'
import { Native } from './native-calls.ts'

export type EngineSetting = 'auto' | Engine

export interface EngineChoice {
  engine: Engine
  /** In a few words, for the log. */
  reason: string
}

/** `lanes` 0 is the main thread, which the ffi engine would block. A reason alone: what was asked for cannot be had. */
export async function chooseEngine(
  setting: EngineSetting,
  lanes: number,
  load: () => Promise<unknown> = () => Native.load(),
): Promise<EngineChoice | string> {
  if (setting === 'portable') return { engine: 'portable', reason: 'asked for' }
  const obstacle = lanes === 0 ? 'it needs a thread of its own, and media.lanes is 0' : await load()
  if (typeof obstacle !== 'string')
    return { engine: 'ffi', reason: setting === 'ffi' ? 'asked for' : 'this system has all it needs' }
  return setting === 'ffi' ? obstacle : { engine: 'portable', reason: `no ffi engine: ${obstacle}` }
}
