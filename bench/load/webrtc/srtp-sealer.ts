// Seals RTP packets of one stream with AEAD_AES_256_GCM (RFC 7714), for senders on servers that speak SRTP.
import { createCipheriv } from 'node:crypto'
import { OPUS_FRAME_TIMESTAMPS, RTP_MARKER_BIT } from '@parley/protocol'
import { deriveSrtpKey, GCM_TAG, packetIv } from './srtp-opener.ts'

const HEADER = 12
const KEY = 32
const SALT = 12

export class SrtpSealer {
  readonly #key: Buffer
  readonly #salt: Buffer
  readonly #ssrc: number
  readonly #payloadType: number

  /** `master` is the key of 32 bytes and then the salt of 12. */
  constructor(master: Uint8Array, ssrc: number, payloadType: number) {
    const [key, salt] = [master.subarray(0, KEY), master.subarray(KEY, KEY + SALT)]
    this.#key = deriveSrtpKey(key, salt, 0, KEY)
    this.#salt = deriveSrtpKey(key, salt, 2, SALT)
    this.#ssrc = ssrc
    this.#payloadType = payloadType
  }

  /** `index` counts the packets of the stream from 0, and gives the sequence number. */
  seal(payload: Uint8Array, index: number, timestamp = index * OPUS_FRAME_TIMESTAMPS, isMarked = false): Uint8Array {
    const packet = Buffer.alloc(HEADER + payload.length + GCM_TAG)
    packet[0] = 0x80
    packet[1] = isMarked ? this.#payloadType | RTP_MARKER_BIT : this.#payloadType
    packet.writeUInt16BE(index % 65_536, 2)
    packet.writeUInt32BE(timestamp % 2 ** 32, 4)
    packet.writeUInt32BE(this.#ssrc, 8)
    const iv = packetIv(this.#salt, this.#ssrc, index)
    const cipher = createCipheriv('aes-256-gcm', this.#key, iv, { authTagLength: GCM_TAG })
    cipher.setAAD(packet.subarray(0, HEADER))
    packet.set(cipher.update(payload), HEADER)
    cipher.final()
    packet.set(cipher.getAuthTag(), HEADER + payload.length)
    return packet
  }
}
