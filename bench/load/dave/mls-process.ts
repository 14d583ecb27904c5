// MLS of an encrypted load, in a separate process so that the load never waits for it: key packages for all members, and the
// committer, with davey. mls.ts starts it with fork.
import davey from '@snazzah/davey'
import type { MlsAnswer, MlsQuestion } from './mls.ts'

const VERSION = 1
let committer: InstanceType<typeof davey.DAVESession> | undefined

function answer(question: MlsQuestion): Uint8Array | number | undefined {
  switch (question.kind) {
    case 'keyPackage':
      return new davey.DAVESession(VERSION, question.userId, question.channelId).getSerializedKeyPackage()
    case 'committer':
      committer = new davey.DAVESession(VERSION, question.userId, question.channelId)
      return committer.getSerializedKeyPackage()
    case 'sender':
      committer?.setExternalSender(Buffer.from(question.bytes))
      return undefined
    case 'proposals': {
      const proposals = Buffer.from(question.bytes)
      const { commit, welcome } = committer!.processProposals(proposals[0]!, proposals.subarray(1), question.users)
      return commit === undefined || welcome === undefined ? commit : Buffer.concat([commit, welcome])
    }
    case 'commit':
      committer?.processCommit(Buffer.from(question.bytes))
      return undefined
    case 'size':
      return committer?.getUserIds().length ?? 0
  }
}

process.on('message', ({ id, question }: { id: number; question: MlsQuestion }) => {
  const reply: MlsAnswer = { id, answer: answer(question) }
  process.send?.(reply)
})
