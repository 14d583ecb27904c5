// Alerts of an established association without OpenSSL: DTLS 1.2 records with AES_128_GCM, the only suite of this node. They
// are all that a client sends after its handshake, because media is SRTP.
//
//   0  u8 type (21)   1  u16 version   3  u16 epoch (1)   5  u48 sequence   11  u16 length   13  8 bytes nonce   21  ciphertext, tag
//   plaintext: u8 level, u8 description
//
// RFC 6347 §4.1 (record), RFC 5288 §3 (nonce), RFC 5246 §5 (PRF), §6.2.3.3 (additional data), §6.3 (keys), §7.2 (alerts).
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { RECORD_EPOCH, RECORD_HEADER, RECORD_LENGTH, recordEnd } from './dtls-records.ts'

const ALERT = 21
const DTLS_1_2 = 0xfefd
/** The epoch of all records after the handshake. */
const EPOCH = 1
const NONCE = 8
const ALERT_LENGTH = 2
const TAG = 16
const RECORD = RECORD_HEADER + NONCE + ALERT_LENGTH + TAG
/** Records of one datagram that are decrypted: each costs 20 µs, and a client sends one alert. */
const MOST_OPENED = 2

const KEY = 16
const SALT = 4
const CLOSE_NOTIFY = 0
const WARNING = 1
const FATAL = 2

/** The node's own sequence number: far above those that OpenSSL used for its Finished messages, because a nonce is used once. */
const OWN_SEQUENCE = 2 ** 32

/** Of an association, as OpenSSL returns them. */
export interface RecordSecrets {
  /** 48 bytes. */
  readonly master: Uint8Array
  /** 32 bytes each. */
  readonly clientRandom: Uint8Array
  readonly serverRandom: Uint8Array
}

/** Reads the client's alerts and writes the node's close_notify. Holds 40 bytes of keys. */
export class AlertRecords {
  /** Keys of client and server, then their salts. */
  readonly #keys: Uint8Array

  constructor({ master, clientRandom, serverRandom }: RecordSecrets) {
    const seed = Buffer.concat([Buffer.from('key expansion'), serverRandom, clientRandom])
    this.#keys = expand(master, seed, 2 * (KEY + SALT))
  }

  /**
   * Why the client ended the association, if the datagram has an authentic alert that says so. Other records, and
   * warnings besides close_notify, are ignored.
   */
  read(datagram: Uint8Array): string | undefined {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength)
    let opened = 0
    for (let start = 0; start + RECORD_HEADER <= datagram.length; start = recordEnd(view, start)) {
      const record = datagram.subarray(start, start + RECORD)
      if (!isAlert(record)) continue
      if (opened++ === MOST_OPENED) break
      const alert = this.#open(record)
      if (alert === undefined) continue
      const [level, description] = alert
      if (description === CLOSE_NOTIFY) return 'closed by the client'
      if (level === FATAL) return `alert ${description} from the client`
    }
    return undefined
  }

  /** To be sent once. */
  closeNotify(): Uint8Array {
    const record = new Uint8Array(RECORD)
    const view = new DataView(record.buffer)
    view.setUint8(0, ALERT)
    view.setUint16(1, DTLS_1_2)
    view.setBigUint64(RECORD_EPOCH, (BigInt(EPOCH) << 48n) | BigInt(OWN_SEQUENCE))
    view.setUint16(RECORD_LENGTH, RECORD - RECORD_HEADER)
    record.copyWithin(RECORD_HEADER, RECORD_EPOCH, RECORD_LENGTH)
    const cipher = createCipheriv('aes-128-gcm', this.#key(1), nonceOf(this.#salt(1), record))
    cipher.setAAD(additionalData(record))
    record.set(cipher.update(Uint8Array.of(WARNING, CLOSE_NOTIFY)), RECORD_HEADER + NONCE)
    cipher.final()
    record.set(cipher.getAuthTag(), RECORD - TAG)
    return record
  }

  /** Level and description; undefined unless the tag is valid. */
  #open(record: Uint8Array): Uint8Array | undefined {
    const decipher = createDecipheriv('aes-128-gcm', this.#key(0), nonceOf(this.#salt(0), record))
    decipher.setAAD(additionalData(record))
    decipher.setAuthTag(record.subarray(RECORD - TAG))
    const alert = decipher.update(record.subarray(RECORD_HEADER + NONCE, RECORD - TAG))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return alert
  }

  /** 0 is the client, 1 the server. */
  #key(side: 0 | 1): Uint8Array {
    return this.#keys.subarray(side * KEY, (side + 1) * KEY)
  }

  #salt(side: 0 | 1): Uint8Array {
    return this.#keys.subarray(2 * KEY + side * SALT, 2 * KEY + (side + 1) * SALT)
  }
}

/** Whether the record looks like an alert under the keys of the association. */
function isAlert(record: Uint8Array): boolean {
  if (record.length !== RECORD || record[0] !== ALERT) return false
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  return (
    view.getUint16(1) === DTLS_1_2 &&
    view.getUint16(RECORD_EPOCH) === EPOCH &&
    view.getUint16(RECORD_LENGTH) === RECORD - RECORD_HEADER
  )
}

const nonceOf = (salt: Uint8Array, record: Uint8Array): Uint8Array =>
  Buffer.concat([salt, record.subarray(RECORD_HEADER, RECORD_HEADER + NONCE)])

/** Epoch and sequence number, type, version, and the length of the plaintext. */
function additionalData(record: Uint8Array): Uint8Array {
  const start = record.subarray(RECORD_EPOCH, RECORD_LENGTH)
  return Buffer.concat([start, record.subarray(0, RECORD_EPOCH), Uint8Array.of(0, ALERT_LENGTH)])
}

/** P_SHA256 of TLS 1.2 (RFC 5246 §5). */
function expand(secret: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const hmac = (...parts: Uint8Array[]) => createHmac('sha256', secret).update(Buffer.concat(parts)).digest()
  const output = new Uint8Array(length)
  let link: Uint8Array = seed
  for (let filled = 0; filled < length; ) {
    link = hmac(link)
    const block = hmac(link, seed).subarray(0, length - filled)
    output.set(block, filled)
    filled += block.length
  }
  return output
}
