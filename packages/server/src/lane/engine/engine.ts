// Selection of the packet engine and its cryptography, with the reason.
import { type Aead, chooseAead } from '../crypto/slot-ciphers.ts'
import type { Engine } from '../thread/thread-messages.ts'
import { Native } from './native-calls.ts'

export type EngineSetting = 'auto' | Engine

export interface EngineChoice {
  engine: Engine
  /** The library that seals and opens AES-256-GCM and XChaCha20-Poly1305 packets. */
  aead: Aead | 'node'
  /** For the log. */
  reason: string
}

/**
 * `lanes` 0 is the main thread, which the ffi engine would block. Returns the reason alone if the requested engine cannot run
 * here.
 */
export async function chooseEngine(
  setting: EngineSetting,
  lanes: number,
  load: () => Promise<Pick<Native, 'sodium'> | string> = () => Native.load(),
): Promise<EngineChoice | string> {
  const requested = 'requested by media.engine'
  if (setting === 'portable') return { engine: 'portable', aead: 'node', reason: requested }
  const native = lanes === 0 ? 'it needs a separate thread, and media.lanes is 0' : await load()
  if (typeof native !== 'string')
    return {
      engine: 'ffi',
      aead: chooseAead(native),
      reason: setting === 'ffi' ? requested : 'all requirements are met',
    }
  return setting === 'ffi' ? native : { engine: 'portable', aead: 'node', reason: `no ffi engine: ${native}` }
}
