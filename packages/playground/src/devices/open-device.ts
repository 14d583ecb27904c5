// Opens a device: the chosen one, or the default one where that is gone.

/** Chromium takes any device if the id is only preferred. */
type DeviceChoice = { readonly deviceId?: { readonly exact: string } }

/** `id`: undefined for the default device. Rejects with the DOMException of getUserMedia. */
export async function openDevice(
  constraints: (choice: DeviceChoice) => MediaStreamConstraints,
  id: string | undefined,
): Promise<MediaStream> {
  const { mediaDevices } = navigator
  if (mediaDevices === undefined) throw new DOMException('no secure context', 'SecurityError')
  if (id === undefined) return mediaDevices.getUserMedia(constraints({}))
  try {
    return await mediaDevices.getUserMedia(constraints({ deviceId: { exact: id } }))
  } catch (error) {
    if (!isGone(error)) throw error
    return mediaDevices.getUserMedia(constraints({}))
  }
}

/** No device has the id. In older browsers the error is no DOMException. */
const isGone = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'name' in error && error.name === 'OverconstrainedError'
