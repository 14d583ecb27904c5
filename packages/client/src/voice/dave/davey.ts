// The DAVE library of most bots, @snazzah/davey. It is native and optional.
// Each platform has a binary in a package of its own, so that loading may fail where the library is installed.
import type { DaveLibrary } from './dave.ts'
import { type Davey, daveyLibrary } from './davey-keys.ts'

/** Loads @snazzah/davey. Resolves with undefined if it is not installed, or does not run on this platform. */
export async function loadDavey(): Promise<DaveLibrary | undefined> {
  try {
    return daveyLibrary((await import('@snazzah/davey')).default as unknown as Davey)
  } catch {
    return undefined
  }
}
