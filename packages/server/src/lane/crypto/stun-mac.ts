// HMAC-SHA1 for the checks of browsers, on node:crypto.
import { createHmac } from 'node:crypto'
import type { StunMac } from '@parley/protocol'

export const stunMac: StunMac = (key, bytes, length) =>
  createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
