// Runs the cases of a node, one after the other: they share the session of one backend.
import { type CheckedCase, checked, selected } from '../checked-case.ts'
import type { CaseResult } from '../result.ts'
import { EXTENSION_CASES } from './extension-cases.ts'
import { GREETING_CASES } from './greeting-cases.ts'
import { INFO_CASES } from './info-cases.ts'
import { MEDIA_CASES } from './media/media-cases.ts'
import { VIDEO_CASES } from './media/video-cases.ts'
import { WEBRTC_CASES } from './media/webrtc-cases.ts'
import type { NodeTarget } from './node-target.ts'
import { NodeUnderTest } from './node-under-test.ts'
import { RESUME_CASES } from './resume-cases.ts'
import { VOICE_CASES } from './voice-cases.ts'

export interface NodeRun {
  target: NodeTarget
  /** Words; a case runs if its number contains one. Empty: all cases. */
  only: readonly string[]
  finished?(result: CaseResult): void
}

export const NODE_CASES: readonly CheckedCase<NodeUnderTest>[] = [
  ...GREETING_CASES,
  ...INFO_CASES,
  ...EXTENSION_CASES,
  ...RESUME_CASES,
  ...VOICE_CASES,
  ...MEDIA_CASES,
  ...VIDEO_CASES,
  ...WEBRTC_CASES,
]

/** In the order of the cases. */
export async function runNode({ target, only, finished }: NodeRun): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const test of selected(NODE_CASES, only)) {
    const node = new NodeUnderTest(target)
    try {
      const result = await checked(test, () => test.run(node))
      results.push(result)
      finished?.(result)
    } finally {
      await node.close()
    }
  }
  return results
}
