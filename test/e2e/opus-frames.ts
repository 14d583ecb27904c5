// Frames to send and compare. The node does not decode them, so they only have to differ.

/** Discord clients end a talkspurt with frames of silence. */
export const SILENCE = Buffer.from([0xf8, 0xff, 0xfe])

/** `count` frames of 8 to 407 bytes that contain the speaker's number and their own. */
export function numberedFrames(count: number, speaker: number): Buffer[] {
  return Array.from({ length: count }, (_, number) => {
    const frame = Buffer.alloc(8 + ((number * 67) % 400), number)
    frame[0] = 0x78
    frame.writeUInt16BE(speaker, 1)
    frame.writeUInt16BE(number, 3)
    return frame
  })
}

export const isSilence = (frame: Buffer): boolean => frame.equals(SILENCE)
export const withoutSilence = (frames: readonly Buffer[]): string[] =>
  frames.filter(frame => !isSilence(frame)).map(frame => frame.toString('hex'))
