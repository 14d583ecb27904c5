// The dependency descriptor of AV1 (appendix A of its RTP specification), a header extension that stays clear under DAVE.
//
//   |S|E| template  |  frame number (16)  |   S, E: first and last packet of a frame
//   |structure|active|dtis|fdiffs|chains|     one bit each, and what they announce; only if there are more bytes
//
// The structure comes with a keyframe and is kept: it lists templates, each with spatial and temporal layer, what it means to each decode
// target, and the frames that it depends on. A frame names its template.
import { sequenceDistance } from '../rtp/seq.ts'
import { PictureDescriptor } from './picture-descriptor.ts'

/** Bytes of a descriptor without extended fields. */
const SHORTEST = 3
/** Template ids have six bits, decode targets are counted with five. */
const TEMPLATES = 64
const TARGETS = 32
/** Temporal layers have three bits in AV1 itself. */
const HIGHEST_TEMPORAL = 7
/** Decode target indications: the frame is not part of the target; or a receiver that has it can decode the target from there on. */
const NOT_PRESENT = 0
const SWITCH = 2
/** A structure of so many frames ago is that of a retransmission; one before that of a sender that starts over. */
const RETRANSMITTED = 1_024
/** Of 16-bit frame numbers. */
const QUARTER_CYCLE = 0x4000
/** `next_layer_idc`: the next template has the next temporal layer, the next spatial layer; there is none. */
const NEXT_TEMPORAL = 1
const NEXT_SPATIAL = 2
const NO_MORE = 3

/**
 * The descriptor of the last packet of one stream, and the structure that its frames refer to. Picture ids are the frame numbers,
 * which receivers are not sent. Per packet: no allocation, no throw.
 */
export class DependencyDescriptor extends PictureDescriptor {
  readonly isContinuous = false
  /** The packet ends a frame. */
  isEnd = false
  /** The frame number of the last structure, or one since then if that was long ago; −1 before the first. */
  #structureFrame = -1
  /** Of the last structure. */
  #offset = 0
  #templates = 0
  #targets = 0
  #chains = 0
  #highestSpatial = 0
  readonly #temporals = new Uint8Array(TEMPLATES)
  /** TARGETS per template. */
  readonly #indications = new Uint8Array(TEMPLATES * TARGETS)
  /** The frames that a frame of the template depends on: bit n for the frame n + 1 before it; and whether one is further away. */
  readonly #dependencies = new Int32Array(TEMPLATES)
  readonly #isFar = new Uint8Array(TEMPLATES)
  /** The highest temporal layer of each decode target. */
  readonly #targetTemporals = new Uint8Array(TARGETS)
  /** What the frame means to each decode target. */
  readonly #frameIndications = new Uint8Array(TARGETS)
  /** The frames that a frame depends on, as they were read last. */
  #needed = 0
  #needsFar = false
  /** The bit that is read next, and the end. */
  #view: DataView = EMPTY
  #at = 0
  #end = 0
  #isCut = false

  /**
   * Parses the data of the extension. Returns false if it is malformed, or refers to a structure that did not arrive. A structure
   * that is older than the last one changes nothing.
   */
  parse(view: DataView, offset: number, length: number): boolean {
    this.clear()
    this.isEnd = false
    if (length < SHORTEST) return false
    this.#view = view
    this.#at = offset * 8
    this.#end = (offset + length) * 8
    this.#isCut = false
    this.isStart = this.#bits(1) === 1
    this.isEnd = this.#bits(1) === 1
    const template = this.#bits(6)
    this.pictureId = this.#bits(16)
    this.#keepNear()
    const flags = length > SHORTEST ? this.#bits(5) : 0
    const hasStructure = (flags & 0x10) !== 0
    if (hasStructure && !this.#takeStructure()) return false
    if ((flags & 0x08) !== 0) this.#skip(this.#targets)
    const index = (template + TEMPLATES - this.#offset) % TEMPLATES
    if (index >= this.#templates) return false
    this.temporal = this.#temporals[index]!
    for (let target = 0; target < this.#targets; target++) {
      const isCustom = (flags & 0x04) !== 0
      this.#frameIndications[target] = isCustom ? this.#bits(2) : this.#indications[index * TARGETS + target]!
    }
    if ((flags & 0x02) !== 0) this.#readOwnDifferences()
    else {
      this.#needed = this.#dependencies[index]!
      this.#needsFar = this.#isFar[index] === 1
    }
    this.isKeyframe = hasStructure && this.isStart && this.#needed === 0 && !this.#needsFar && !this.#isCut
    return !this.#isCut
  }

  /** A receiver that can decode the frame can decode each decode target from it on to which it is a switch. */
  highestAfter(highest: number, sent: number): number {
    const isDecodable = this.temporal <= highest || (!this.#needsFar && (this.#needed & ~sent) === 0)
    if (!isDecodable) return highest
    let reached = highest
    for (let target = 0; target < this.#targets; target++)
      if (this.#frameIndications[target] === SWITCH) reached = Math.max(reached, this.#targetTemporals[target]!)
    return reached
  }

  /** A structure more than half a cycle ago would count as ahead, so that the next one looked older. */
  #keepNear(): void {
    if (this.#structureFrame < 0 || sequenceDistance(this.pictureId, this.#structureFrame) < QUARTER_CYCLE) return
    this.#structureFrame = (this.pictureId - QUARTER_CYCLE / 2) & 0xffff
  }

  /** Returns false for a structure that is older than the last one. */
  #takeStructure(): boolean {
    const behind = this.#structureFrame < 0 ? 0 : sequenceDistance(this.#structureFrame, this.pictureId)
    if (behind > 0 && behind < RETRANSMITTED) return false
    this.#readStructure()
    this.#structureFrame = this.#isCut ? -1 : this.pictureId
    return true
  }

  /** `template_dependency_structure`. A malformed one leaves none. */
  #readStructure(): void {
    this.#offset = this.#bits(6)
    this.#targets = this.#bits(5) + 1
    this.#readLayers()
    for (let template = 0; template < this.#templates; template++)
      for (let target = 0; target < this.#targets; target++)
        this.#indications[template * TARGETS + target] = this.#bits(2)
    for (let template = 0; template < this.#templates; template++) {
      this.#readDifferences()
      this.#dependencies[template] = this.#needed
      this.#isFar[template] = this.#needsFar ? 1 : 0
    }
    this.#skipChains()
    this.#findTargets()
    if (this.#bits(1) === 1) this.#skip((this.#highestSpatial + 1) * 32)
    if (this.#isCut) this.#templates = 0
  }

  #readLayers(): void {
    let temporal = 0
    this.#highestSpatial = 0
    this.#templates = 0
    for (;;) {
      this.#temporals[this.#templates++] = Math.min(temporal, HIGHEST_TEMPORAL)
      const next = this.#bits(2)
      if (next === NO_MORE || this.#isCut) return
      if (this.#templates === TEMPLATES) {
        this.#isCut = true
        return
      }
      if (next === NEXT_TEMPORAL) temporal++
      if (next !== NEXT_SPATIAL) continue
      temporal = 0
      this.#highestSpatial++
    }
  }

  /** `template_fdiffs` of one template */
  #readDifferences(): void {
    this.#needed = 0
    this.#needsFar = false
    while (this.#bits(1) === 1) this.#need(this.#bits(4))
  }

  /** `frame_fdiffs`: their sizes are multiples of four bits. */
  #readOwnDifferences(): void {
    this.#needed = 0
    this.#needsFar = false
    for (let size = this.#bits(2); size > 0; size = this.#bits(2)) this.#need(this.#bits(4 * size))
  }

  /** The frame depends on the one `before` + 1 frames before it. */
  #need(before: number): void {
    if (before < 31) this.#needed |= 1 << before
    else this.#needsFar = true
  }

  #skipChains(): void {
    this.#chains = this.#nonSymmetric(this.#targets + 1)
    if (this.#chains === 0) return
    for (let target = 0; target < this.#targets; target++) this.#nonSymmetric(this.#chains)
    this.#skip(this.#templates * this.#chains * 4)
  }

  /** `decode_target_layers` */
  #findTargets(): void {
    for (let target = 0; target < this.#targets; target++) {
      let highest = 0
      for (let template = 0; template < this.#templates; template++)
        if (this.#indications[template * TARGETS + target] !== NOT_PRESENT)
          highest = Math.max(highest, this.#temporals[template]!)
      this.#targetTemporals[target] = highest
    }
  }

  /** `ns(n)`: a number below `values` in as few bits as it needs (AV1 specification §4.10.7). */
  #nonSymmetric(values: number): number {
    const width = 32 - Math.clz32(values)
    const short = (1 << width) - values
    const value = this.#bits(width - 1)
    return value < short ? value : (value << 1) - short + this.#bits(1)
  }

  /** Up to 16 bits; 0 behind the end. */
  #bits(count: number): number {
    if (this.#at + count > this.#end) this.#isCut = true
    if (this.#isCut) return 0
    let value = 0
    for (let left = count; left > 0; left--, this.#at++)
      value = (value << 1) | ((this.#view.getUint8(this.#at >> 3) >> (7 - (this.#at & 7))) & 1)
    return value
  }

  #skip(count: number): void {
    this.#at += count
    if (this.#at > this.#end) this.#isCut = true
  }
}

const EMPTY = new DataView(new ArrayBuffer(0))
