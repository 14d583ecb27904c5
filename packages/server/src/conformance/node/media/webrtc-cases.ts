// Cases of a node: what a browser needs before media. DTLS is not completed here: the cases need no native code.
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { encodeStunRequest, isStunGenuine, readStunMapped, VoiceClose, VoiceOp } from '@parley/protocol'
import { stunMac } from '../../../lane/crypto/stun-mac.ts'
import { applies, type CheckedCase, expect } from '../../checked-case.ts'
import type { NodeUnderTest } from '../node-under-test.ts'
import { UdpProbe, VoiceProbe } from '../voice-probe.ts'

const WAIT = 8_000
const REPEAT = 200
/** Datagrams that are kept; a node that floods must not exhaust memory. */
const MOST = 1_000
const UFRAG = 'case'
const OPUS = 111
/** MESSAGE-INTEGRITY is followed by FINGERPRINT (RFC 8489 §14.5, §14.7). */
const [STUN_HEADER, MAC_ATTRIBUTE, FINGERPRINT_ATTRIBUTE] = [20, 24, 8]
const HANDSHAKE = 22
const [SERVER_HELLO, VERIFY_REQUEST] = [2, 3]

/** A fingerprint of no certificate: the cases end before the node checks it. */
const FINGERPRINT = `sha-256 ${Array(32).fill('AB').join(':')}`
const OFFER = [
  `a=ice-ufrag:${UFRAG}`,
  `a=ice-pwd:${'p'.repeat(24)}`,
  `a=fingerprint:${FINGERPRINT}`,
  `a=rtpmap:${OPUS} opus/48000/2`,
].join('\n')

/** A member that has sent an offer, and the node's answer. Skips the case where the node has no WebRTC. */
async function answered(node: NodeUnderTest) {
  const lvsp = await node.ready()
  const voice = node.opened(await VoiceProbe.open(node.target, await node.access(lvsp, node.channel())))
  await voice.hello()
  voice.identify()
  await voice.ready()
  const codecs = [{ name: 'opus', type: 'audio', priority: 1_000, payload_type: OPUS }]
  voice.send(VoiceOp.SelectProtocol, { protocol: 'webrtc', data: OFFER, sdp: OFFER, codecs })
  const isDescription = (message: { op: unknown }) => message.op === VoiceOp.SessionDescription
  const { d } = await voice.socket.take('Session Description (op 4)', isDescription).catch(error => {
    const code = voice.socket.closed?.code
    applies(code !== VoiceClose.UnknownProtocol, `the node refuses the protocol webrtc (${code})`)
    throw error
  })
  expect(typeof d.sdp === 'string', 'expected sdp in Session Description')
  return { voice, answer: new Answer(d.sdp as string) }
}

/** The node's SDP fragment. */
class Answer {
  readonly ufrag: string
  readonly password: string
  readonly fingerprint: string
  /** The first candidate over UDP. */
  readonly address: { ip: string; port: number }

  constructor(sdp: string) {
    const values = (name: string) =>
      [...sdp.matchAll(new RegExp(`^a=${name}:(.*?)\\r?$`, 'gm'))].map(([, value]) => value!)
    const value = (name: string) => {
      const [found] = values(name)
      expect(found !== undefined, `expected a=${name} in the answer`)
      return found
    }
    this.ufrag = value('ice-ufrag')
    this.password = value('ice-pwd')
    this.fingerprint = value('fingerprint')
    const candidate = values('candidate').find(each => / udp /i.test(each))
    expect(candidate !== undefined, 'expected a candidate over UDP in the answer')
    const [, , , , ip, port] = candidate.split(' ')
    this.address = { ip: ip!, port: Number(port) }
  }
}

/** A socket that sends connectivity checks, and the datagrams that it receives. */
async function checking(node: NodeUnderTest, { address, ufrag }: Answer) {
  const udp = node.opened(await UdpProbe.open(address))
  const received: Uint8Array[] = []
  udp.received = datagram => {
    if (received.length < MOST) received.push(datagram)
  }
  const check = (password: string) => {
    const transaction = Uint8Array.from(randomBytes(12))
    const username = `${ufrag}:${UFRAG}`
    return {
      transaction,
      bytes: encodeStunRequest({ transaction, username, useCandidate: true }, Buffer.from(password), stunMac),
    }
  }
  /** Sends until a datagram fits. Rejects with a `CaseFailure`. */
  const until = async (bytes: Uint8Array, fits: (datagram: Uint8Array) => boolean, what: string) => {
    const end = performance.now() + WAIT
    for (;;) {
      udp.send(bytes)
      for (const again = performance.now() + REPEAT; performance.now() < again; await pause(10)) {
        const found = received.find(fits)
        if (found !== undefined) return found
      }
      expect(performance.now() < end, `expected ${what} within ${WAIT / 1_000} s`)
    }
  }
  return { udp, received, check, until }
}

/** Whether the answer to a check is authenticated with the node's password (RFC 8445 §7.3). */
function isGenuine(response: Uint8Array, password: string): boolean {
  const integrityAt = response.length - MAC_ATTRIBUTE - FINGERPRINT_ATTRIBUTE
  return integrityAt >= STUN_HEADER && isStunGenuine(response, { integrityAt }, Buffer.from(password), stunMac)
}

/**
 * ClientHello of DTLS 1.2 without a cookie (RFC 6347 §4.2.1, RFC 5246 §7.4.1.2): one suite of browsers, P-256, and use_srtp
 * (RFC 5764 §4.1.1).
 */
function clientHello(): Uint8Array {
  const extensions = [
    '000a 0004 0002 0017', // supported_groups: secp256r1
    '000b 0002 01 00', // ec_point_formats: uncompressed
    '000d 0004 0002 0403', // signature_algorithms: ecdsa_secp256r1_sha256
    '000e 0007 0004 0007 0001 00', // use_srtp: SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80
    '0017 0000', // extended_master_secret
  ].join('')
  const bytes = Buffer.from(extensions.replaceAll(' ', ''), 'hex')
  const hello = Buffer.concat([
    Buffer.from([0xfe, 0xfd]),
    randomBytes(32),
    Buffer.from([0, 0, 0, 2, 0xc0, 0x2b, 1, 0, bytes.length >> 8, bytes.length & 0xff]),
    bytes,
  ])
  const length = hello.length
  const message = Buffer.concat([Buffer.from([1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]), hello])
  const record = Buffer.from([HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.length])
  return Buffer.concat([record, message])
}

export const WEBRTC_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  {
    number: 'webrtc-answer',
    meaning: 'an offer of WebRTC is answered with ICE credentials, a fingerprint and a candidate over UDP',
    run: async node => {
      const { ufrag, password, fingerprint, address } = (await answered(node)).answer
      expect(
        ufrag.length >= 4 && password.length >= 22,
        `expected 4 and 22 characters of ICE credentials (RFC 8839 §5.4)`,
      )
      expect(/^sha-\d+ [0-9A-F]{2}(:[0-9A-F]{2})+$/i.test(fingerprint), `malformed fingerprint "${fingerprint}"`)
      expect(address.port > 0, `expected a port in the candidate, found ${address.port}`)
    },
  },
  {
    number: 'webrtc-credentials',
    meaning: 'each session has ICE credentials of its own',
    run: async node => {
      const [{ answer: first }, { answer: second }] = [await answered(node), await answered(node)]
      expect(first.password !== second.password, 'two sessions have the same ICE password')
    },
  },
  {
    number: 'webrtc-check',
    meaning: 'a connectivity check is answered with the source address, authenticated with the ICE password',
    run: async node => {
      const { answer } = await answered(node)
      const { udp, check, until } = await checking(node, answer)
      const { transaction, bytes } = check(answer.password)
      const isAnswer = (datagram: Uint8Array) => readStunMapped(datagram, transaction) !== undefined
      const response = await until(bytes, isAnswer, 'an answer to a connectivity check')
      const mapped = readStunMapped(response, transaction)!
      expect(isGenuine(response, answer.password), 'the answer to a check has no valid MESSAGE-INTEGRITY')
      const isLocal = ['127.0.0.1', '::1'].includes(answer.address.ip)
      expect(!isLocal || mapped.port === udp.port, `expected the port ${udp.port} in the answer, found ${mapped.port}`)
    },
  },
  {
    number: 'webrtc-check-wrong',
    meaning: 'a connectivity check with a wrong password is not answered with success',
    run: async node => {
      const { answer } = await answered(node)
      const { udp, received, check, until } = await checking(node, answer)
      const wrong = check('w'.repeat(24))
      udp.send(wrong.bytes)
      const { transaction, bytes } = check(answer.password)
      await until(
        bytes,
        datagram => readStunMapped(datagram, transaction) !== undefined,
        'an answer to a genuine check',
      )
      const isWrong = received.some(datagram => readStunMapped(datagram, wrong.transaction) !== undefined)
      expect(!isWrong, 'a check with a wrong password was answered with success')
    },
  },
  {
    number: 'webrtc-dtls',
    meaning: 'after a check, ClientHello is answered: the node is the server of DTLS',
    run: async node => {
      const { answer } = await answered(node)
      const { check, until } = await checking(node, answer)
      const { transaction, bytes } = check(answer.password)
      await until(bytes, datagram => readStunMapped(datagram, transaction) !== undefined, 'an answer to a check')
      const isHello = (datagram: Uint8Array) =>
        datagram[0] === HANDSHAKE && (datagram[13] === SERVER_HELLO || datagram[13] === VERIFY_REQUEST)
      await until(clientHello(), isHello, 'ServerHello or HelloVerifyRequest')
    },
  },
]
