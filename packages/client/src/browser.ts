// Public names for web pages: end-to-end encryption of WebRTC media in a worker. The session is in `sessions`.
export {
  DaveWorker,
  type DaveWorkerOptions,
  type DaveWorkerThread,
  obstacleToDave,
  type Transformable,
} from './browser/dave-worker.ts'
export type { DaveReport } from './browser/worker-messages.ts'
export type { RemoteDave } from './voice/dave/dave.ts'
export type { DaveCommand, DaveEvent, DaveOutput } from './voice/dave/dave-messages.ts'
