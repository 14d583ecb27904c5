// Which protections number their packets with a nonce of 4 bytes.
import { isSrtpProfile, PROTECTION_LAYOUTS } from '@parley/protocol'
import type { Protection } from '../lane/commands.ts'

/** Whether packets end in a nonce of 4 bytes, which clients count up. */
export const hasCountedNonces = (protection: Protection): boolean =>
  !isSrtpProfile(protection) && PROTECTION_LAYOUTS[protection].trailerLength === 4
