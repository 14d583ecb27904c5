// Connects the transforms of a page to the DAVE host: one stream of frames per sender or receiver.
import { LIMITS } from '../limits.ts'
import type { DaveHost } from './dave-host.ts'
import type { EncodedFrame, Transformer } from './encoded-frame.ts'
import { FrameOpener } from './frame-opener.ts'
import { FrameSealer } from './frame-sealer.ts'

/** Runs a transform until its sender or receiver ends. */
export async function runTransform(host: DaveHost, transformer: Transformer): Promise<void> {
  const writer = transformer.writable.getWriter()
  // The browser refuses frames of a sender or receiver that has ended; there is nothing to do about them.
  const write = (frame: EncodedFrame) => void writer.write(frame).catch(() => {})
  const requestKeyframe = limited(() =>
    transformer.options.role === 'seal' ? transformer.generateKeyFrame?.() : transformer.sendKeyFrameRequest?.(),
  )
  if (transformer.options.role === 'seal') {
    const sealer = new FrameSealer(host, requestKeyframe)
    return readAll(transformer, frame => void (sealer.seal(frame) && write(frame)))
  }
  const opener = new FrameOpener(host, transformer.options.media, { write, requestKeyframe })
  const stop = host.onRenewal(() => opener.retry(performance.now()))
  try {
    await readAll(transformer, frame => opener.receive(frame, performance.now()))
  } finally {
    stop()
  }
}

async function readAll({ readable }: Transformer, take: (frame: EncodedFrame) => void): Promise<void> {
  const reader = readable.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    take(value)
  }
}

/** At most one request per `LIMITS.keyframeInterval`. A request that fails is repeated with the next frame that needs it. */
function limited(request: () => Promise<unknown> | undefined): () => void {
  let last = -Infinity
  return () => {
    const now = performance.now()
    if (now - last < LIMITS.keyframeInterval) return
    last = now
    void request()?.catch(() => {})
  }
}
