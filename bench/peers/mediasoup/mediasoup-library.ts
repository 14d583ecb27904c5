// The part of mediasoup's library that the load uses. mediasoup is not a dependency: it is measured where it is installed.

export interface SrtpParameters {
  readonly cryptoSuite: 'AEAD_AES_256_GCM'
  /** Key of 32 bytes and salt of 12. */
  readonly keyBase64: string
}

export interface RtpCodec {
  readonly mimeType: string
  readonly clockRate: number
  readonly channels?: number
  readonly parameters?: Readonly<Record<string, string | number>>
  readonly rtcpFeedback?: readonly { type: string; parameter?: string }[]
}

type Kind = 'audio' | 'video'

interface RtpParameters {
  readonly codecs: readonly (RtpCodec & { payloadType: number })[]
  readonly encodings: readonly { ssrc: number }[]
}

export interface PlainTransport {
  readonly tuple: { readonly localPort: number }
  readonly srtpParameters?: SrtpParameters
  connect(remote: { ip: string; port: number; srtpParameters: SrtpParameters }): Promise<void>
  produce(options: { kind: Kind; rtpParameters: RtpParameters }): Promise<{ readonly id: string }>
  consume(options: {
    producerId: string
    rtpCapabilities: RtpCapabilities
  }): Promise<{ readonly rtpParameters: RtpParameters }>
}

interface RtpCapabilities {
  readonly codecs: readonly (RtpCodec & { kind: Kind; preferredPayloadType?: number })[]
  readonly headerExtensions: readonly unknown[]
}

export interface Router {
  readonly rtpCapabilities: RtpCapabilities
  createPlainTransport(options: {
    listenInfo: { protocol: 'udp'; ip: string }
    rtcpMux: true
    enableSrtp: true
    srtpCryptoSuite: 'AEAD_AES_256_GCM'
  }): Promise<PlainTransport>
}

export interface Worker {
  readonly pid: number
  createRouter(options: { mediaCodecs: RtpCapabilities['codecs'] }): Promise<Router>
  close(): void
}

export interface Mediasoup {
  readonly version: string
  createWorker(settings: { logLevel: 'error' }): Promise<Worker>
}

/** A variable, so that the compiler does not look for the types. */
const NAME: string = 'mediasoup'

/** Undefined if it is not installed: `npm install --no-save mediasoup`. */
export async function findMediasoup(): Promise<Mediasoup | undefined> {
  try {
    return (await import(NAME)) as Mediasoup
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
