// Keyframes of AV1, by the aggregation header of its RTP payload (§4.4 of its specification). DAVE does not seal it.
//
//   |Z|Y|W W|N| - |   N: the packet begins a coded video sequence, that is, a keyframe
const NEW_SEQUENCE = 0x08

/** Whether the AV1 payload begins a keyframe. */
export const isAv1Keyframe = (view: DataView, offset: number, length: number): boolean =>
  length > 1 && (view.getUint8(offset) & NEW_SEQUENCE) !== 0
