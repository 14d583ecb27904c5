// Selection of the packet engine and its cryptography, with the reason.
import { ok, type Result, refused } from '@parley/core'
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
 * `lanes` 0 is the main thread, which the ffi engine would block. Refused with the reason if the requested engine cannot run on
 * this system.
 */
export async function chooseEngine(
  setting: EngineSetting,
  lanes: number,
  load: () => Promise<Result<Pick<Native, 'sodium'>>> = () => Native.load(),
): Promise<Result<EngineChoice>> {
  const requested = 'requested by media.engine'
  if (setting === 'portable') return ok({ engine: 'portable', aead: 'node', reason: requested })
  const native = lanes === 0 ? refused('it needs a separate thread, and media.lanes is 0') : await load()
  if (native.ok) {
    const reason = setting === 'ffi' ? requested : 'all requirements are met'
    return ok({ engine: 'ffi', aead: chooseAead(native.value), reason })
  }
  if (setting === 'ffi') return native
  return ok({ engine: 'portable', aead: 'node', reason: `no ffi engine: ${native.reason}` })
}
