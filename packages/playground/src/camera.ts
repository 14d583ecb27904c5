// The camera, with one layer of video.

/** Rejects with the DOMException of getUserMedia. */
export async function openCamera(): Promise<MediaStreamTrack> {
  if (navigator.mediaDevices === undefined) throw new DOMException('no secure context', 'SecurityError')
  const video = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30 } }
  const stream = await navigator.mediaDevices.getUserMedia({ video })
  return stream.getVideoTracks()[0]!
}
